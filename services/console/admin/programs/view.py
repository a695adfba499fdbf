"""What the list of programs and the page of one program show. Pure."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from services.console.admin.programs.resources import CyclesPage, Names, Preview, ProgramDetails, ProgramsPage
from services.console.admin.programs.rules.facts import Fact, facts_of
from shared.contracts.programs import Direction
from shared.language.words import Words, translatable

LIST = "/console/programs"
SORTS = {
    "name": translatable("By name"),
    "-updated_at": translatable("Changed last"),
    "created_at": translatable("Oldest first"),
    "-created_at": translatable("Newest first"),
}
ABOUT = ("sponsor_id", "coordinator_ids", "language", "time_zone")
"""The fields that the page shows beside the name."""
RECURS = {"true": translatable("Start by themselves"), "false": translatable("Are started by hand")}


class Wanted(NamedTuple):
    """What somebody looks for in the list of programs. Empty stands for anything."""

    q: str = ""
    direction: str = ""
    recurs: str = ""
    archived: str = ""
    sort: str = "name"
    cursor: str = ""

    @property
    def params(self) -> dict[str, str]:
        """The query of the API."""
        return {name: value for name, value in self._asdict().items() if value}

    @property
    def filtered(self) -> bool:
        return bool(self.q or self.direction or self.recurs or self.archived)

    def address(self, cursor: str = "", path: str = LIST) -> str:
        """The page of the list behind this cursor."""
        params = {name: value for name, value in self._replace(cursor=cursor).params.items() if value != "name"}
        return f"{path}?{urlencode(params)}" if params else path


class ProgramList(NamedTuple):
    wanted: Wanted
    page: ProgramsPage

    @property
    def next(self) -> str:
        """The address of the next page, or nothing on the last one."""
        return self.wanted.address(self.page.next) if self.page.next else ""

    @property
    def table(self) -> str:
        return self.wanted.address(path=f"{LIST}.csv")


class ProgramPage(NamedTuple):
    program: ProgramDetails
    cycles: CyclesPage
    preview: Preview
    about: list[Fact]
    calendar: list[Fact]
    policy: list[Fact]
    nobody_answers: bool
    """Whether neither a coordinator nor a sponsor is named."""


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """What the address of the page asks for. What the API would not understand counts as nothing."""
    direction, recurs, sort = query.get("direction", ""), query.get("recurs", ""), query.get("sort", "")
    return Wanted(
        q=query.get("q", "").replace("\x00", "").strip()[:100],
        direction=direction if direction in set(Direction) else "",
        recurs=recurs if recurs in RECURS else "",
        archived="true" if query.get("archived") == "true" else "",
        sort=sort if sort in SORTS else "name",
        cursor=query.get("cursor", ""),
    )


def program_page(
    words: Words, program: ProgramDetails, cycles: CyclesPage, preview: Preview, names: Names
) -> ProgramPage:
    facts = facts_of(words, program.definition, names)
    return ProgramPage(
        program=program,
        cycles=cycles,
        preview=preview,
        about=[fact for fact in facts if fact.field in ABOUT and fact.value],
        calendar=[fact for fact in facts if fact.field == "calendar"],
        policy=[fact for fact in facts if fact.field == "policy"],
        nobody_answers=not program.named,
    )
