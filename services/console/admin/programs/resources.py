"""What the pages of programs read of the public API. Pure."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field, JsonValue

from shared.contracts.base import Contract
from shared.contracts.programs import Calendar, Direction, MatchingPolicy, Stage, Topic
from shared.contracts.rounds import RoundKind

ENDED = (Stage.COMPLETED, Stage.CANCELLED)
RUNNING = [stage.value for stage in Stage if stage not in ENDED]


class Definition(Contract):
    """What an admin may write into a program."""

    name: str
    direction: Direction = Direction.REVERSE
    time_zone: str = "UTC"
    language: str = "en"
    topics: tuple[Topic, ...] = ()
    calendar: Calendar = Calendar()
    policy: MatchingPolicy = MatchingPolicy()
    sponsor_id: UUID | None = None
    coordinator_ids: tuple[UUID, ...] = ()
    recurs: bool = False

    @property
    def named(self) -> list[UUID]:
        """Everybody whom the definition names."""
        return [*([self.sponsor_id] if self.sponsor_id else []), *self.coordinator_ids]


class Draft(Contract):
    """A definition as it was typed. The API says whether it is one."""

    name: str
    direction: str
    time_zone: str
    language: str
    topics: tuple[dict[str, JsonValue], ...]
    calendar: dict[str, JsonValue]
    policy: dict[str, JsonValue]
    sponsor_id: str | None
    coordinator_ids: tuple[str, ...]
    recurs: bool
    rows: Annotated[tuple[int, ...], Field(exclude=True)] = ()
    """The rows of the form in which its topics stand."""

    @property
    def definition(self) -> Definition:
        """As the API takes it. It has accepted the draft before."""
        return Definition.model_validate(self.model_dump())


class ProgramDetails(Definition):
    """A program as it is stored."""

    id: UUID
    created_at: AwareDatetime
    updated_at: AwareDatetime
    next_recurrence_at: AwareDatetime | None = None
    archived_at: AwareDatetime | None = None

    @property
    def definition(self) -> Definition:
        return Definition(**{name: getattr(self, name) for name in Definition.model_fields})


class ProgramsPage(Contract):
    items: tuple[ProgramDetails, ...]
    next: str | None = None
    total: int | None = None


class CycleLine(Contract):
    id: UUID
    period: str
    stage: Stage
    paused: bool
    starts_at: AwareDatetime
    stage_changed_at: AwareDatetime

    @property
    def runs(self) -> bool:
        return self.stage not in ENDED


class CyclesPage(Contract):
    items: tuple[CycleLine, ...]
    next: str | None = None
    total: int | None = None


class PlannedRound(Contract):
    kind: RoundKind
    number: int
    opens_at: AwareDatetime
    closes_at: AwareDatetime
    reminders_at: tuple[AwareDatetime, ...] = ()


class Preview(Contract):
    """What a definition would do."""

    next_recurrences: tuple[AwareDatetime, ...] = ()
    starts_at: AwareDatetime
    rounds: tuple[PlannedRound, ...] = ()


class Trial(Contract):
    """Rules that are tried."""

    direction: str
    policy: dict[str, JsonValue]
    program_id: UUID | None = None


class Outcome(Contract):
    people: int
    pairs: int
    unmatched: int
    unmatched_by: dict[str, int] = {}


class RunEffect(Contract):
    cycle_id: UUID
    before: Outcome
    after: Outcome
    pairs_kept: int
    pairs_removed: int
    pairs_added: int
    newly_matched: int
    no_longer_matched: int


class DirectoryEffect(Contract):
    mentors: int
    mentees: int
    nobody: int
    possible: int
    couples: int
    ruled_out: dict[str, int] = {}


class PolicyEffect(Contract):
    """What rules would do: to the people of the last run, or with the directory."""

    people: int
    sampled: bool = False
    match_run: RunEffect | None = None
    directory: DirectoryEffect | None = None


class PersonLine(Contract):
    id: UUID
    name: str
    email: str
    job_title: str = ""
    department: str = ""
    active: bool = True


class PeoplePage(Contract):
    items: tuple[PersonLine, ...]
    total: int | None = None


class Made(Contract):
    id: UUID


Names = dict[UUID, PersonLine]
