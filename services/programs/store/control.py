"""SQL of the control of a cycle: an admin pauses, resumes, cancels or advances it, or has people reminded.

Each function first locks the cycle's row, so that the requests of two admins are decided one after the other. It then
writes what was asked for together with an event, and `CycleWorkflow` acts on the event. Asking a second time changes
nothing and emits no second event.
"""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.programs.models import CycleRow
from services.programs.resources import Cycle
from services.programs.store.cycles import FINAL, lock_cycle, read_cycle
from services.programs.store.standing import note_pause
from shared.contracts.events import (
    CycleAdvanceRequested,
    CycleCancellationRequested,
    CyclePaused,
    CycleResumed,
    EventData,
)
from shared.contracts.programs import Stage
from shared.contracts.rounds import RoundState
from shared.errors import Conflict
from shared.events import emit
from shared.rounds.reminding import request_reminder
from shared.rounds.store import read_rounds


class CycleEnded(Conflict):
    code = "cycle_ended"


class CycleIsBeingCancelled(Conflict):
    code = "cycle_is_being_cancelled"


class CycleIsPaused(Conflict):
    code = "cycle_paused"


class NothingToAdvance(Conflict):
    code = "nothing_to_advance"


class NothingToRemind(Conflict):
    code = "nothing_to_remind"


async def pause_cycle(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> Cycle:
    """Emits `cycle.paused` unless the cycle is paused. Raises CycleNotFound, CycleEnded, CycleIsBeingCancelled."""
    row = await _lock_running(session, organization_id, cycle_id)
    if not row.paused:
        row.paused, row.paused_at = True, datetime.now(UTC)
        await _record(session, row, CyclePaused(cycle_id=row.id))
    return await read_cycle(session, organization_id, cycle_id)


async def resume_cycle(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> Cycle:
    """Emits `cycle.resumed` if the cycle is paused. Raises CycleNotFound, CycleEnded, CycleIsBeingCancelled."""
    row = await _lock_running(session, organization_id, cycle_id)
    if row.paused:
        await note_pause(session, row, datetime.now(UTC))
        await _record(session, row, CycleResumed(cycle_id=row.id))
    return await read_cycle(session, organization_id, cycle_id)


async def cancel_cycle(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> Cycle:
    """Emits `cycle.cancellation_requested` the first time. Raises CycleNotFound, CycleEnded for a completed cycle."""
    row = await lock_cycle(session, organization_id, cycle_id)
    if row.stage == Stage.COMPLETED:
        raise CycleEnded("This cycle has completed; there is nothing to cancel.")
    if row.stage != Stage.CANCELLED and row.cancellation_requested_at is None:
        row.cancellation_requested_at = datetime.now(UTC)
        await _record(session, row, CycleCancellationRequested(cycle_id=row.id))
    return await read_cycle(session, organization_id, cycle_id)


async def advance_cycle(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> Cycle:
    """Asks that the open round is closed early (the one that opened last), or that a cycle which still waits for its
    date starts now. Raises CycleNotFound, CycleEnded, CycleIsBeingCancelled, CycleIsPaused, NothingToAdvance."""
    row = await _lock_running(session, organization_id, cycle_id)
    if row.paused:
        raise CycleIsPaused("This cycle is paused; resume it first.")
    round_id = await _latest_open_round(session, row)
    if round_id is None and row.stage != Stage.SCHEDULED:
        raise NothingToAdvance("No round of this cycle is open; there is nothing to close early.")
    target = str(round_id) if round_id is not None else Stage.SCHEDULED.value
    if row.advanced != target:
        row.advanced = target
        await _record(session, row, CycleAdvanceRequested(cycle_id=row.id, stage=Stage(row.stage), round_id=round_id))
    return await read_cycle(session, organization_id, cycle_id)


async def remind_cycle(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> Cycle:
    """Asks that everybody is reminded who has not answered the open round (the one that opened last). Raises
    CycleNotFound, CycleEnded, CycleIsBeingCancelled, CycleIsPaused, NothingToRemind and RemindedRecently (429)."""
    row = await _lock_running(session, organization_id, cycle_id)
    if row.paused:
        raise CycleIsPaused("This cycle is paused; resume it first.")
    round_id = await _latest_open_round(session, row)
    if round_id is None:
        raise NothingToRemind("No round of this cycle is open; there is nothing to remind anybody of.")
    await request_reminder(session, organization_id, round_id)
    return await read_cycle(session, organization_id, cycle_id)


async def _latest_open_round(session: AsyncSession, row: CycleRow) -> UUID | None:
    rounds = await read_rounds(session, row.organization_id, row.id)
    open_rounds = [one.id for one in rounds if one.state is RoundState.OPEN]
    return open_rounds[-1] if open_rounds else None


async def _lock_running(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> CycleRow:
    row = await lock_cycle(session, organization_id, cycle_id)
    if row.stage in FINAL:
        raise CycleEnded("This cycle has ended; it cannot be changed any more.")
    if row.cancellation_requested_at is not None:
        raise CycleIsBeingCancelled("This cycle is being cancelled; it cannot be changed any more.")
    return row


async def _record(session: AsyncSession, row: CycleRow, event: EventData) -> None:
    await session.flush()
    await emit(session, row.organization_id, event)
