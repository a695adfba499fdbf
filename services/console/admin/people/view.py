"""What the list of people shows. Pure."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from services.console.admin.people.resources import PeoplePage, Values
from shared.language.words import translatable

LIST = "/console/people"
SORTS = {
    "name": translatable("By name"),
    "department": translatable("By department"),
    "location": translatable("By location"),
    "-level": translatable("Most senior first"),
    "level": translatable("Most junior first"),
}
HERE = {
    "here": translatable("Work here"),
    "away": translatable("On leave"),
    "left": translatable("Have left"),
    "all": translatable("Everybody"),
}
STANDING: Mapping[str, Mapping[str, str]] = {
    "here": {"active": "true"},
    "away": {"active": "true", "availability": "on_leave"},
    "left": {"active": "false"},
    "all": {},
}
"""What the API is asked for."""
DONE = {
    "added": translatable("The person was added."),
    "saved": translatable("The changes are saved."),
    "absence_saved": translatable("The absence is saved. On its days the deputy gets the messages too."),
    "absence_ended": translatable("The absence has ended. Nobody stands in any more."),
}


class Wanted(NamedTuple):
    """What somebody looks for in the directory. Empty stands for anything."""

    q: str = ""
    department: str = ""
    location: str = ""
    here: str = "here"
    sort: str = "name"
    cursor: str = ""

    @property
    def params(self) -> dict[str, str]:
        """The query of the API."""
        given = {name: value for name, value in self._asdict().items() if value and name != "here"}
        return given | dict(STANDING[self.here])

    @property
    def filtered(self) -> bool:
        return bool(self.q or self.department or self.location or self.here != "here")

    def address(self, cursor: str = "", path: str = LIST) -> str:
        """The page of the list behind this cursor."""
        given = self._replace(cursor=cursor)._asdict().items()
        params = {name: value for name, value in given if value and value != Wanted._field_defaults[name]}
        return f"{path}?{urlencode(params)}" if params else path


class PeopleList(NamedTuple):
    wanted: Wanted
    page: PeoplePage
    values: Values

    @property
    def next(self) -> str:
        """The address of the next page, or nothing on the last one."""
        return self.wanted.address(self.page.next) if self.page.next else ""

    @property
    def table(self) -> str:
        return self.wanted.address(path=f"{LIST}.csv")

    @property
    def departments(self) -> list[str]:
        return _with(self.wanted.department, [value.value for value in self.values.departments])

    @property
    def locations(self) -> list[str]:
        return _with(self.wanted.location, [value.value for value in self.values.locations])


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """What the address of the page asks for. What makes no sense is passed over."""
    given = {name: query.get(name, "").strip() for name in Wanted._fields}
    wanted = Wanted(**{name: value for name, value in given.items() if value and "\x00" not in value})
    return wanted._replace(
        q=wanted.q[:100],
        department=wanted.department[:200],
        location=wanted.location[:200],
        here=wanted.here if wanted.here in HERE else "here",
        sort=wanted.sort if wanted.sort in SORTS else "name",
    )


def _with(chosen: str, values: list[str]) -> list[str]:
    """The values, among them the one that is chosen, which may be written in another case or be gone."""
    others = [value for value in values if value.casefold() != chosen.casefold()]
    return sorted([*others, chosen], key=str.casefold) if chosen else values
