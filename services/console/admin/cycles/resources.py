"""What the pages of a cycle read of the public API's answers. Pure."""

from typing import Any
from uuid import UUID

from pydantic import AwareDatetime

from shared.attention.waiting import Wait
from shared.contracts.base import Contract
from shared.contracts.matching import EndReason, MatchRunState, PairReason, PairState
from shared.contracts.overview import Stall
from shared.contracts.programs import Calendar, Direction, Outcome, Stage, Topic
from shared.contracts.rounds import RoundCounts


class Cycle(Contract):
    id: UUID
    program_id: UUID
    period: str
    stage: Stage
    paused: bool
    outcome: Outcome | None = None
    direction: Direction
    requested_at: AwareDatetime
    starts_at: AwareDatetime
    stage_changed_at: AwareDatetime
    cancellation_requested_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    calendar: Calendar
    rounds: tuple[RoundCounts, ...] = ()
    enrolled: int | None = None
    waits_for: Wait | None = None
    stalled: Stall | None = None


class Program(Contract):
    id: UUID
    name: str
    time_zone: str
    topics: tuple[Topic, ...] = ()
    sponsor_id: UUID | None = None
    coordinator_ids: tuple[UUID, ...] = ()


class Pair(Contract):
    id: UUID
    cycle_id: UUID
    mentor_id: UUID
    mentee_id: UUID
    state: PairState
    reasons: tuple[str, ...] = ()
    reason_codes: tuple[PairReason, ...] = ()
    topics: tuple[str, ...] = ()
    proposed_at: AwareDatetime
    offered_at: AwareDatetime | None = None
    mentor_accepted_at: AwareDatetime | None = None
    mentee_accepted_at: AwareDatetime | None = None
    activated_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    end_reason: EndReason | None = None


class Pairs(Contract):
    items: tuple[Pair, ...] = ()
    next: str | None = None
    total: int | None = None


class MatchRun(Contract):
    id: UUID
    state: MatchRunState
    attempt: int = 1
    revision: int = 1
    pairs_count: int = 0
    unmatched_count: int = 0


class MatchRuns(Contract):
    items: tuple[MatchRun, ...] = ()


class Unmatched(Contract):
    person_id: UUID
    reason: str


class UnmatchedPeople(Contract):
    items: tuple[Unmatched, ...] = ()
    next: str | None = None
    total: int | None = None


class Topics(Contract):
    items: tuple["TopicFigures", ...] = ()


class TopicFigures(Contract):
    topic: str
    label: str
    teachers: int | None = None
    wanted_by: int | None = None
    first_choice_of: int | None = None
    gap: int | None = None
    suppressed: bool = False


class MessageCount(Contract):
    template: str
    state: str | None
    messages: int


class FailedMessage(Contract):
    id: UUID
    person_id: UUID
    template: str
    code: str


class Messages(Contract):
    counts: tuple[MessageCount, ...] = ()
    failed: tuple[FailedMessage, ...] = ()
    next: str | None = None


class Person(Contract):
    id: UUID
    name: str
    email: str = ""
    job_title: str = ""
    department: str = ""
    active: bool = True


class People(Contract):
    items: tuple[Person, ...] = ()
    next: str | None = None
    total: int | None = None


class PendingPerson(Contract):
    id: UUID
    name: str
    email: str
    job_title: str
    department: str
    missing: int


class Pending(Contract):
    items: tuple[PendingPerson, ...] = ()
    next: str | None = None
    total: int | None = None


class CloudEvent(Contract):
    type: str
    subject: str
    time: AwareDatetime
    data: dict[str, Any]


class Events(Contract):
    items: tuple[CloudEvent, ...] = ()
    next: int | None = None
