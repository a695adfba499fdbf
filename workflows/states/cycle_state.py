"""What a cycle's workflow is started with, and what its signals carry.

Every signal that comes from the event log carries the event's `sequence`, its id and the log's epoch. The dispatcher
delivers events at least once and in order, so a signal that is not newer than the last one heard is a repeat, and the
cycle ignores it. After a restore of the log sequences are given again, but its epoch is then another one.

The modules of this folder only describe data. Workflows import them past the sandbox, which would otherwise make every
model anew for every workflow that starts or is loaded again: two thirds of what that costs.
"""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.programs import CycleRef, Outcome, Stage

LONGEST_HISTORY = 1000
"""Events of a run's history after which a cycle goes on in a new run, when it next enters a stage. Temporal warns at
10,240 events and ends a workflow at 51,200."""


REMEMBERED = 100
"""So many events that were heard are known by their ids, for the case that a restored log tells them again. The cursor
of the dispatcher is restored with the log and lags behind it by seconds, in which a cycle hears few events."""


class CycleState(CycleRef):
    """All that a cycle must know to go on. It is the one argument of the cycle's first run and of every run after."""

    stage: Stage = Stage.SCHEDULED
    outcome: Outcome | None = None
    heard: int = 0
    """The sequence of the last event that this cycle heard of."""
    epoch: UUID | None = None
    """The epoch of the log that gave that sequence; None if no event has told it yet."""
    heard_events: tuple[UUID, ...] = ()
    """The ids of the last events that were heard, the newest last."""
    approved: tuple[UUID, ...] = ()
    """Ids of the match runs that were approved."""
    approved_attempts: tuple[int, ...] = ()
    """The attempts of those match runs. An attempt has been approved whichever of its revisions was."""
    declines: int = 0
    """How often somebody lost a partner: an offer was declined, or a partner left."""
    check_ins: int = 0
    """How many check-in rounds are over."""
    last_check_in_took: timedelta = timedelta(0)
    """How long the last check-in round was open, without pauses."""
    concerns: tuple[str, ...] = ()
    """Workflow ids of the concerns that pause together with the cycle."""
    announcements: tuple[str, ...] = ()
    """Workflow ids of the cycle's own announcements, which pause together with it."""
    rebuilt: Annotated[bool, Field(exclude_if=lambda rebuilt: not rebuilt)] = False
    """The cycle runs already as far as the rows tell, and its workflow was lost. The run reads them, and goes on from
    there."""
    longest_history: Annotated[int, Field(exclude_if=lambda events: events == LONGEST_HISTORY)] = LONGEST_HISTORY
    """Events of one run after which the cycle goes on in a new run. Tests give a smaller number, as a short test never
    reaches the real one; a real state does not hold it."""


class CycleStatus(Contract):
    """What a cycle's workflow answers when it is asked for its `status`."""

    stage: Stage
    paused: bool
    being_cancelled: bool
    outcome: Outcome | None
    rounds: tuple[UUID, ...]
    """The rounds that it waits for."""
    approved: tuple[UUID, ...]
    """The match runs that it has heard were approved."""
    check_ins: int
    """How many check-in rounds are over."""
    heard: int
    """The sequence of the last event that it has heard."""


class Heard(Contract):
    """A signal that came from an event."""

    sequence: int
    epoch: UUID | None = None
    """The log's epoch when the event was read; None from senders that are older than this field, likewise below."""
    event_id: UUID | None = None


class Advance(Heard):
    """An admin wants the cycle to go on before its time."""

    stage: Stage
    """The stage in which the admin saw the cycle."""
    round_id: UUID | None = None
    """The round that the admin saw running; None in the scheduled stage."""


class RunApproved(Heard):
    """A match run was approved."""

    match_run_id: UUID
    attempt: int = 0
    """0 when the event did not tell it."""
    dropped: int = 0
    """Pairs that were not offered, because somebody has left. Their partners are free for others."""


class ConcernHeard(Heard):
    """A concern was raised."""

    concern_id: UUID
