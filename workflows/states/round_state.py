"""What the workflow of a round is started with, what its signals carry, and what it tells others."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.base import Contract
from shared.contracts.programs import CycleRef, Pause, RoundPlan
from shared.contracts.rounds import CloseReason, RoundKind


class RebuiltRound(Contract):
    """What is known of a round that an earlier workflow began, which was lost."""

    opened_at: AwareDatetime
    closes_at: AwareDatetime
    told_at: AwareDatetime | None = None
    paused_at: AwareDatetime | None = None
    pauses: tuple[Pause, ...] = ()
    told: tuple[int, ...] = ()
    """The invitation, which is 0, and the reminders that were announced."""
    unfinished: tuple[int, ...] = ()
    """Those of them of which messages wait."""


class RoundRequest(CycleRef):
    """One round that is to be asked."""

    kind: RoundKind
    number: int
    plan: RoundPlan
    closes_at: AwareDatetime | None = None
    """When the round closes, if it must end together with another one. Otherwise it lasts as long as the plan says."""
    rebuilt: Annotated[RebuiltRound | None, Field(exclude_if=lambda rebuilt: rebuilt is None)] = None


class RoundStatus(Contract):
    """What a round's workflow answers when it is asked for its `status`."""

    open: bool
    """Whether it was opened. It stays true."""
    closes_at: AwareDatetime | None
    """By the wall clock, if nobody pauses again."""
    closing: CloseReason | None
    """Why it closes, once that is decided."""
    paused: bool


class Closing(Contract):
    """The signal to close a round before its deadline."""

    reason: CloseReason


class Reminding(Contract):
    """The signal to remind those who have not answered, because an admin asks for it."""

    occurrence: int
    """Which reminder it is, derived from the event's id, so that a repeated event reminds nobody twice."""


class Watcher(Contract):
    """The signal to tell another workflow when the round is over, as its parent is told."""

    workflow_id: str


class RoundOver(Contract):
    """What a round tells who watches it."""

    round_id: UUID
    recipients: int
    answered: int
