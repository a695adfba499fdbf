"""Programs and their cycles: what runs, when, and by which rules."""

import re
from abc import ABC, abstractmethod
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AwareDatetime, BeforeValidator, Field, WithJsonSchema, model_validator
from temporalio import activity

from shared.contracts.base import Contract, Duration


class Direction(StrEnum):
    REVERSE = "reverse"
    """The mentor is junior to the mentee."""
    MUTUAL = "mutual"
    """Both teach and learn; levels differ."""
    TRADITIONAL = "traditional"
    """The mentor is senior to the mentee."""


class Stage(StrEnum):
    SCHEDULED = "scheduled"
    INTAKE = "intake"
    MATCHING = "matching"
    REVIEW = "review"
    KICKOFF = "kickoff"
    ACTIVE = "active"
    CLOSING = "closing"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """How a cycle ended."""

    COMPLETED = "completed"
    NOBODY_ENROLLED = "nobody_enrolled"
    NOBODY_MATCHED = "nobody_matched"
    NOBODY_ACCEPTED = "nobody_accepted"
    CANCELLED = "cancelled"


class RoundPlan(Contract):
    """How long a round stays open, and how long after its opening those who have not answered are reminded."""

    length: Duration
    reminders: tuple[Duration, ...] = ()

    @model_validator(mode="after")
    def reminders_fall_inside(self) -> Self:
        if list(self.reminders) != sorted(set(self.reminders)):
            raise ValueError("reminders must rise, without repeats")
        if self.reminders and self.reminders[-1] >= self.length:
            raise ValueError("every reminder must be shorter than the round's length")
        return self


class LadderPlan(Contract):
    """When a matter is escalated that a human must decide. The coordinators are told at once and reminded at every
    `remind_every`; after `escalate_after` the sponsor is told."""

    remind_every: Duration
    escalate_after: Duration


MOST_HOLIDAYS = 100
"""A calendar names no more."""
LOCAL_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"


def _written_as_time(value: Any) -> Any:
    """Pydantic also reads numbers as the seconds since midnight, which no description of Upward allows."""
    if isinstance(value, time) or (isinstance(value, str) and ":" in value):
        return value
    raise ValueError("must be a time of the day, such as 08:00")


LocalTime = Annotated[
    time,
    WithJsonSchema({"type": "string", "pattern": LOCAL_TIME, "examples": ["08:00"]}),
    BeforeValidator(_written_as_time),
]
"""A local time. The format `time` of JSON Schema does not fit, as it has an offset."""


def _written_as_date(value: Any) -> Any:
    """Pydantic also reads numbers and moments as dates, which no description of Upward allows."""
    if (isinstance(value, date) and not isinstance(value, datetime)) or (
        isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value)
    ):
        return value
    raise ValueError("must be a date, such as 2027-12-27")


Day = Annotated[date, BeforeValidator(_written_as_date)]


class SendingHours(Contract):
    """Hours in which messages are sent, Monday to Friday, in the recipient's own time zone."""

    start: LocalTime = time(8)
    end: LocalTime = time(18)

    @model_validator(mode="after")
    def starts_before_it_ends(self) -> Self:
        if self.start.tzinfo is not None or self.end.tzinfo is not None:
            raise ValueError("start and end are local times, without a zone")
        if self.start >= self.end:
            raise ValueError("start must be before end")
        return self


class Calendar(Contract):
    """The lengths of a cycle's parts, as ISO 8601 durations (`P14D`, `PT20S`)."""

    enrolment: RoundPlan = RoundPlan(length=timedelta(days=14), reminders=(timedelta(days=7), timedelta(days=12)))
    acceptance: RoundPlan = RoundPlan(length=timedelta(days=7), reminders=(timedelta(days=3),))
    check_in: RoundPlan = RoundPlan(length=timedelta(days=5), reminders=(timedelta(days=2),))
    check_ins: Annotated[int, Field(ge=0, le=52)] = 5
    first_check_in: Duration | None = None
    """From the start of the active stage to the first check-in. By default it is `check_in_every`."""
    check_in_every: Duration = timedelta(days=14)
    survey: RoundPlan = RoundPlan(length=timedelta(days=7), reminders=(timedelta(days=3),))
    approval: LadderPlan = LadderPlan(remind_every=timedelta(days=2), escalate_after=timedelta(days=5))
    concern: LadderPlan = LadderPlan(remind_every=timedelta(days=1), escalate_after=timedelta(days=3))
    working_days: bool = False
    """Whether the durations of `approval` and `concern` count working days only: Monday to Friday in the program's time
    zone, without `holidays`. Otherwise they count every day."""
    holidays: Annotated[tuple[Day, ...], Field(max_length=MOST_HOLIDAYS)] = ()
    """Days on which nobody works, such as `2027-12-27`. They matter if `working_days` is true."""
    sending_hours: SendingHours | None = SendingHours()
    """By default from 08:00 to 18:00. None means that messages are sent at any hour of any day."""

    @model_validator(mode="after")
    def check_ins_do_not_overlap(self) -> Self:
        if self.check_in.length > self.check_in_every:
            raise ValueError("check_in.length must not be longer than check_in_every")
        return self

    def wait_for_check_in(self, number: int) -> timedelta:
        """From the opening of the check-in before, or from the start of the active stage for the first one."""
        return self.first_check_in if number == 1 and self.first_check_in is not None else self.check_in_every


Weight = Annotated[int, Field(ge=0, le=10)]
"""How much a preference counts: 0 not at all, 10 most. No weight makes a preference a constraint."""


class Weights(Contract):
    """How much each preference counts."""

    topics: Weight = 10
    """The mentor teaches well what the mentee wants most; in mutual programs the weaker direction counts."""
    cross_functional: Weight = 3
    """They work in different departments."""
    meeting_windows: Weight = 3
    """Hours a week in which both can meet; from four on it is fully met."""
    wishes: Weight = 5
    """One asked for the other: half for each side's wish, most for the first of five ranks."""
    level_gap: Weight = 2
    """Nearness to the target level gap."""
    location: Weight = 0
    """The same location, or a different one, as `location` of the policy says."""
    waited: Weight = 1
    """Half for each of the two who found no partner in an earlier cycle."""


class Objective(StrEnum):
    COVERAGE_FIRST = "coverage_first"
    """As many people as possible in a pair, then the highest total of points."""
    QUALITY_FIRST = "quality_first"
    """The highest total of points among the pairs that reach the policy's floor."""


class LocationPreference(StrEnum):
    SAME = "same"
    DIFFERENT = "different"


LevelGap = Annotated[int, Field(ge=0, le=100)]


class MatchingPolicy(Contract):
    """A program's constraints and preferences for pairs. A level gap says how many levels the senior of a pair stands
    above the junior."""

    objective: Objective = Objective.COVERAGE_FIRST
    """`coverage_first`: as many people as possible in a pair, then the highest total of points. `quality_first`: the
    highest total of points among the pairs that reach `floor`."""
    floor: Annotated[int, Field(ge=0, le=100)] = 0
    """Smallest score of a pair under `quality_first`, in percent of the best that the weights allow."""
    min_level_gap: LevelGap = 1
    """Levels that the senior must stand above the junior side at least; in mutual programs whoever is senior."""
    max_level_gap: LevelGap | None = None
    """Levels that the senior may stand above the junior side at most; null: any number."""
    target_level_gap: LevelGap | None = None
    """The gap that scores best; null: the middle of the range, or one above the smallest if the range has no end."""
    reporting_line: bool = True
    """Nobody meets someone on their own reporting line, at any depth."""
    same_manager: bool = True
    """Nobody meets someone who has the same direct manager."""
    different_department: bool = False
    """Nobody meets someone of their own department."""
    common_language: bool = True
    """The two share a language."""
    min_common_hours: Annotated[float, Field(ge=0, le=40, multiple_of=0.5)] = 0
    """Hours a week in which both can meet, across time zones, at least."""
    repeat_past_pairs: bool = False
    """People who were a pair in an earlier cycle may be one again."""
    repeat_after_cycles: Annotated[int, Field(ge=1, le=100)] | None = None
    """Past pairs may meet again once so many cycles of the program lie between; null: never."""
    location: LocationPreference = LocationPreference.SAME
    """Which location the weight `location` rewards: the `same` or a `different` one."""
    weights: Weights = Weights()

    @model_validator(mode="after")
    def gap_is_a_range(self) -> Self:
        if self.max_level_gap is not None and self.max_level_gap < self.min_level_gap:
            raise ValueError("max_level_gap must not be below min_level_gap")
        if self.target_level_gap is not None:
            if self.target_level_gap < self.min_level_gap:
                raise ValueError("target_level_gap must not be below min_level_gap")
            if self.max_level_gap is not None and self.target_level_gap > self.max_level_gap:
                raise ValueError("target_level_gap must not be above max_level_gap")
        return self

    @model_validator(mode="after")
    def settings_belong_together(self) -> Self:
        if self.floor and self.objective is not Objective.QUALITY_FIRST:
            raise ValueError("floor needs the objective quality_first")
        if self.repeat_past_pairs and self.repeat_after_cycles is not None:
            raise ValueError("repeat_after_cycles needs repeat_past_pairs to be false")
        return self


class Topic(Contract):
    code: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
    label: Annotated[str, Field(min_length=1, max_length=80)]
    aliases: tuple[Annotated[str, Field(min_length=1, max_length=80)], ...] = ()


class OrganizationRef(Contract):
    organization_id: UUID


class CycleRef(Contract):
    organization_id: UUID
    cycle_id: UUID


class Pause(Contract):
    """A time in which a cycle was paused."""

    begins_at: AwareDatetime
    ends_at: AwareDatetime


class CyclePlan(Contract):
    """What the workflow of a cycle needs to know: ids, codes, numbers and times only."""

    organization_id: UUID
    program_id: UUID
    cycle_id: UUID
    direction: Direction
    starts_at: AwareDatetime
    calendar: Calendar
    policy: MatchingPolicy
    paused: bool = False
    """Whether the cycle is paused in this moment."""
    paused_at: AwareDatetime | None = None
    pauses: tuple[Pause, ...] = ()
    """Those that are over, in their order."""


class CycleBrief(Contract):
    """What the other services may read of a cycle. It holds text, so it is read over internal HTTP only."""

    organization_id: UUID
    organization_name: str
    program_id: UUID
    program_name: str
    cycle_id: UUID
    period: str
    stage: Stage
    direction: Direction
    time_zone: str
    topics: tuple[Topic, ...]
    sponsor_id: UUID | None
    coordinator_ids: tuple[UUID, ...]
    calendar: Calendar
    policy: MatchingPolicy
    paused: bool = False
    outcome: Outcome | None = None
    language: str = ""
    """In which people are written to whose own language is not known. Empty only from a process of the version
    before."""


class PlanLadder(CycleRef):
    """Asks when the rungs of a ladder come that counts the working days of the cycle's program."""

    ladder: LadderPlan
    begun_at: AwareDatetime
    pauses: tuple[Pause, ...] = ()
    """The pauses since it began, in their order. Their time does not count."""


class LadderDates(Contract):
    """When the rungs of a ladder come, by the wall clock."""

    reminds_at: tuple[AwareDatetime, ...]
    escalates_at: AwareDatetime


class PausedCycles(Contract):
    """The cycles of an organization that are paused."""

    cycle_ids: tuple[UUID, ...]


class RecordStage(Contract):
    organization_id: UUID
    cycle_id: UUID
    stage: Stage
    outcome: Outcome | None = None
    was: Stage | None = None
    """The stage that the workflow leaves."""


class StageRecorded(Contract):
    stage: Stage
    """The stage that is stored now."""


class ProgramRef(Contract):
    organization_id: UUID
    program_id: UUID


class ProgramBrief(Contract):
    """What the other services may read of a program. It holds text, so it is read over internal HTTP only."""

    program_id: UUID
    name: str
    direction: Direction


class CreatePeriodCycle(Contract):
    organization_id: UUID
    program_id: UUID
    scheduled_at: AwareDatetime
    """When the schedule fired. The period is the quarter in which this falls in the program's time zone."""


class PeriodCycle(Contract):
    cycle_id: UUID | None
    """None if the program no longer recurs, or has no topics."""


class ScheduleApplied(Contract):
    active: bool


class ProgramsActivities(ABC):
    @activity.defn
    @abstractmethod
    async def read_plan(self, request: CycleRef) -> CyclePlan: ...

    @activity.defn
    @abstractmethod
    async def plan_ladder(self, request: PlanLadder) -> LadderDates:
        """Counts working days, which needs the time zone of the program and the holidays of the cycle."""

    @activity.defn
    @abstractmethod
    async def record_stage(self, request: RecordStage) -> StageRecorded:
        """Stores the cycle's stage. If it changed, emits `cycle.stage_changed`, or `cycle.completed` or
        `cycle.cancelled` at the end."""

    @activity.defn
    @abstractmethod
    async def create_period_cycle(self, request: CreatePeriodCycle) -> PeriodCycle:
        """Creates the cycle of a period, once for each program and period."""

    @activity.defn
    @abstractmethod
    async def apply_schedule(self, request: ProgramRef) -> ScheduleApplied:
        """Creates, changes or deletes the program's Temporal Schedule, so that it fits the stored program."""

    @activity.defn
    @abstractmethod
    async def ensure_overview(self, request: OrganizationRef) -> ScheduleApplied:
        """Creates the Temporal Schedule of the organization's Monday overview. Doing it again changes nothing."""
