"""What is read of the answers of services, to tell what needs a human. Pure."""

from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.base import Contract
from shared.contracts.endpoints import DisableReason, EndpointState
from shared.contracts.feedback import ConcernReason, ConcernRung
from shared.contracts.matching import MatchRunState
from shared.contracts.overview import Stall
from shared.contracts.programs import Calendar, Stage
from shared.contracts.rounds import RoundCounts


class Program(Contract):
    id: UUID
    name: str
    time_zone: str
    language: str = ""
    coordinator_ids: tuple[UUID, ...] = ()
    next_recurrence_at: AwareDatetime | None = None


class Programs(Contract):
    items: tuple[Program, ...] = ()


class Cycle(Contract):
    id: UUID
    program_id: UUID | None = None
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
    paused_at: AwareDatetime | None = None
    stalled: Stall | None = None


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
    cycle_id: UUID | None = None
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


class AccessKey(Contract):
    label: str
    expires_at: AwareDatetime | None = None
    replaced_by: str | None = None


class AccessKeys(Contract):
    items: tuple[AccessKey, ...] = ()


class MatchRun(Contract):
    state: MatchRunState
    pairs_count: int = 0
    created_at: AwareDatetime


class MatchRuns(Contract):
    items: tuple[MatchRun, ...] = ()


class Counted(Contract):
    """How many there are in a list of which nothing else is read."""

    total: int | None = None


class Running(Contract):
    """The cycles of an organization that run, and all programs that are not archived."""

    organization_name: str
    cycles: tuple[Cycle, ...] = ()
    programs: tuple[Program, ...] = ()


class LeftPairs(Contract):
    """How many pairs have ended because somebody left, by cycle. A cycle without any is not there."""

    pairs: dict[UUID, int] = {}
