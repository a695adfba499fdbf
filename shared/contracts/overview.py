"""What needs a human: why a cycle does not move, and when the Monday overview tells the coordinators of what waits."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.base import Contract, Vocabulary
from shared.contracts.programs import CycleRef

SUNDAY = 6
MADE_AT = time(10)
"""By UTC on Sunday: the moment in which Monday begins in the first time zone of the world. From then on each
coordinator is sent it when Monday's sending hours begin by their own clock."""
UNTIL_READ = timedelta(hours=22)
"""From then to Monday, 08:00 UTC."""


def overview_after(moment: datetime) -> datetime:
    """The Monday, 08:00 UTC, of the first overview that tells every coordinator of what is there at this moment."""
    utc = moment.astimezone(UTC)
    made_at = datetime.combine(utc.date() + timedelta(days=(SUNDAY - utc.weekday()) % 7), MADE_AT, UTC)
    if made_at < utc:
        made_at += timedelta(days=7)
    return made_at + UNTIL_READ


class StallReason(Vocabulary):
    """Why a running cycle does not move though it should."""

    WORKFLOW_MISSING = "workflow_missing"
    """Nothing moves it: its workflow is gone, though the cycle runs."""
    WORKFLOW_FAILING = "workflow_failing"
    """Its workflow, or that of its open round, fails at the same place again and again."""
    NO_WORKER = "no_worker"
    """No worker takes its next step: the one that should does not run, or has been busy with others for minutes."""
    ACTIVITY_FAILING = "activity_failing"
    """A step of it, or of its round, an announcement or a concern, is tried again and again, and fails each time."""
    EVENT_SET_ASIDE = "event_set_aside"
    """An event could not be handled, and what the cycle should hear next waits behind it."""
    EVENTS_WAITING = "events_waiting"
    """What happened was not told to its workflow for minutes: the relay stands still, or Temporal is away."""
    ROUND_OVERDUE = "round_overdue"
    """Its round is open though the deadline is over."""


class Stall(Contract):
    """That a cycle does not move."""

    reason: StallReason
    since: AwareDatetime
    """When that was noticed first."""


class HeldWorkflow(Contract):
    """A workflow that waits for an event which was set aside."""

    organization_id: UUID
    workflow_id: str


class WaitingEvents(Contract):
    """What the log has not told for so long that something must be wrong."""

    cycles: tuple[CycleRef, ...] = ()
    """The cycles of which such events tell."""
    held: tuple[HeldWorkflow, ...] = ()
