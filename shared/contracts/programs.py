"""Programs and cycles: what runs and when."""

from abc import ABC, abstractmethod
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, WithJsonSchema, model_validator
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
    """How long a round stays open and when, after its opening, those who have not answered are reminded."""

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
    """A reminder at every interval; after `escalate_after` the next rung is told."""

    remind_every: Duration
    escalate_after: Duration


LOCAL_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"
LocalTime = Annotated[time, WithJsonSchema({"type": "string", "pattern": LOCAL_TIME, "examples": ["08:00"]})]
"""Not JSON Schema's format `time`, which has an offset."""


class SendingHours(Contract):
    """Local hours in which messages are sent, Monday to Friday, in the recipient's time zone."""

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
    check_in_every: Duration = timedelta(days=14)
    survey: RoundPlan = RoundPlan(length=timedelta(days=7), reminders=(timedelta(days=3),))
    approval: LadderPlan = LadderPlan(remind_every=timedelta(days=2), escalate_after=timedelta(days=5))
    concern: LadderPlan = LadderPlan(remind_every=timedelta(days=1), escalate_after=timedelta(days=3))
    sending_hours: SendingHours | None = SendingHours()
    """None sends at any hour."""

    @model_validator(mode="after")
    def check_ins_do_not_overlap(self) -> Self:
        if self.check_in.length > self.check_in_every:
            raise ValueError("check_in.length must not be longer than check_in_every")
        return self


class Weights(Contract):
    """How much each preference counts, 0 (not at all) to 10."""

    topics: Annotated[int, Field(ge=0, le=10)] = 10
    cross_functional: Annotated[int, Field(ge=0, le=10)] = 3
    meeting_windows: Annotated[int, Field(ge=0, le=10)] = 3
    wishes: Annotated[int, Field(ge=0, le=10)] = 5
    level_gap: Annotated[int, Field(ge=0, le=10)] = 2


class MatchingPolicy(Contract):
    """Hard constraints and preferences of a program. Level gaps are levels of the senior above the junior side."""

    min_level_gap: Annotated[int, Field(ge=0, le=100)] = 1
    max_level_gap: Annotated[int, Field(ge=0, le=100)] | None = None
    different_department: bool = False
    common_language: bool = True
    repeat_past_pairs: bool = False
    weights: Weights = Weights()

    @model_validator(mode="after")
    def gap_is_a_range(self) -> Self:
        if self.max_level_gap is not None and self.max_level_gap < self.min_level_gap:
            raise ValueError("max_level_gap must not be below min_level_gap")
        return self


class Topic(Contract):
    code: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
    label: Annotated[str, Field(min_length=1, max_length=80)]
    aliases: tuple[Annotated[str, Field(min_length=1, max_length=80)], ...] = ()


class CycleRef(Contract):
    organization_id: UUID
    cycle_id: UUID


class CyclePlan(Contract):
    """What `CycleWorkflow` needs to know of a cycle: codes, numbers and times only."""

    organization_id: UUID
    program_id: UUID
    cycle_id: UUID
    direction: Direction
    starts_at: AwareDatetime
    calendar: Calendar
    policy: MatchingPolicy


class CycleBrief(Contract):
    """What the other services may read of a cycle (internal HTTP only: it holds text)."""

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


class RecordStage(Contract):
    organization_id: UUID
    cycle_id: UUID
    stage: Stage
    outcome: Outcome | None = None


class StageRecorded(Contract):
    stage: Stage
    """The stage that the row holds now."""


class ProgramRef(Contract):
    organization_id: UUID
    program_id: UUID


class CreatePeriodCycle(Contract):
    organization_id: UUID
    program_id: UUID
    scheduled_at: AwareDatetime
    """When the schedule fired; the period is the quarter it falls in, in the program's time zone."""


class PeriodCycle(Contract):
    cycle_id: UUID | None
    """None when the program no longer recurs."""


class ScheduleApplied(Contract):
    active: bool


class ProgramsActivities(ABC):
    @activity.defn
    @abstractmethod
    async def read_plan(self, request: CycleRef) -> CyclePlan: ...

    @activity.defn
    @abstractmethod
    async def record_stage(self, request: RecordStage) -> StageRecorded:
        """Sets the cycle's stage and emits `cycle.stage_changed` (or completed, cancelled) when it changed."""

    @activity.defn
    @abstractmethod
    async def create_period_cycle(self, request: CreatePeriodCycle) -> PeriodCycle:
        """Creates the period's cycle once (natural key: program + period)."""

    @activity.defn
    @abstractmethod
    async def apply_schedule(self, request: ProgramRef) -> ScheduleApplied:
        """Makes the program's Temporal Schedule what the program's row says: present, changed or gone."""
