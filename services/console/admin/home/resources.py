"""What the home page reads of the public API's answers. Pure."""

from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.base import Contract
from shared.contracts.endpoints import DisableReason, EndpointState
from shared.contracts.feedback import ConcernReason, ConcernRung
from shared.contracts.matching import MatchRunState
from shared.contracts.programs import Calendar, Stage
from shared.contracts.rounds import RoundCounts


class Program(Contract):
    id: UUID
    name: str
    time_zone: str
    next_recurrence_at: AwareDatetime | None = None


class Programs(Contract):
    items: tuple[Program, ...] = ()


class Cycle(Contract):
    id: UUID
    program_name: str
    time_zone: str = "UTC"
    period: str
    stage: Stage
    paused: bool
    starts_at: AwareDatetime
    stage_changed_at: AwareDatetime
    cancellation_requested_at: AwareDatetime | None = None
    calendar: Calendar
    last_round: RoundCounts | None = None


class Cycles(Contract):
    items: tuple[Cycle, ...] = ()
    total: int | None = None


class Concern(Contract):
    id: UUID
    cycle_id: UUID
    person_id: UUID | None = None
    """None for viewers, as is the reason."""
    reason: ConcernReason | None
    rung: ConcernRung | None
    raised_at: AwareDatetime
    escalated_at: AwareDatetime | None


class Concerns(Contract):
    items: tuple[Concern, ...] = ()
    total: int | None = None


class Message(Contract):
    due_at: AwareDatetime
    waiting_for: str | None = None


class Messages(Contract):
    items: tuple[Message, ...] = ()
    next: str | None = None


class Endpoint(Contract):
    id: UUID
    url: str
    description: str
    state: EndpointState
    disable_reason: DisableReason | None
    disabled_at: AwareDatetime | None
    failing_since: AwareDatetime | None


class Endpoints(Contract):
    items: tuple[Endpoint, ...] = ()


class MatchRun(Contract):
    state: MatchRunState
    pairs_count: int = 0
    created_at: AwareDatetime


class MatchRuns(Contract):
    items: tuple[MatchRun, ...] = ()


class Counted(Contract):
    """How many there are in a list of which nothing else is read."""

    total: int | None = None
