"""SQL of cycles that do not move though they should. It reads the running cycles of all organizations."""

from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.programs.models import CycleRow
from services.programs.store.cycles import FINAL, lock_cycle
from shared.attention.waiting import OVERDUE as OVERDUE_AFTER
from shared.contracts.events import CycleStalled
from shared.contracts.overview import StallReason
from shared.events import emit
from shared.rounds.store import read_open_rounds
from shared.telemetry.metrics import CYCLES, OVERDUE, STALLED, Sample

log = structlog.get_logger(__name__)


class RunningCycle(NamedTuple):
    organization_id: UUID
    id: UUID
    paused: bool
    requested_at: datetime
    stall_reason: str | None


async def read_running(session: AsyncSession) -> list[RunningCycle]:
    """Every cycle that has not ended. Few run at a time."""
    columns = (CycleRow.organization_id, CycleRow.id, CycleRow.paused, CycleRow.requested_at, CycleRow.stall_reason)
    found = await session.execute(select(*columns).where(CycleRow.stage.not_in(FINAL)))
    return [RunningCycle._make(row) for row in found]


async def note_stall(session: AsyncSession, cycle: RunningCycle, reason: StallReason | None) -> None:
    """Records why the cycle does not move, or that it moves again. Emits `cycle.stalled` when that begins. Nothing
    changes if the cycle has ended, or if another process has noted the same."""
    row = await lock_cycle(session, cycle.organization_id, cycle.id)
    if row.stage in FINAL or row.stall_reason == reason:
        return
    begins = row.stall_reason is None
    row.stall_reason = reason
    ids = {"organization_id": str(row.organization_id), "cycle_id": str(row.id)}
    if reason is None:
        row.stalled_at = None
        log.info("cycle.moved_again", **ids)
    elif begins:
        row.stalled_at = datetime.now(UTC)
        await session.flush()
        await emit(session, row.organization_id, CycleStalled(cycle_id=row.id, reason=reason))
        log.error("cycle.stalled", **ids, reason=reason.value)


async def measure(session: AsyncSession) -> list[Sample]:
    """How many cycles run, why some of them do not move, and how many of their rounds are overdue."""
    running = await read_running(session)
    now = datetime.now(UTC)
    moving = {cycle.id for cycle in running if not cycle.paused}
    late = [
        one
        for one in await read_open_rounds(session)
        if now - one.closes_at >= OVERDUE_AFTER and one.cycle_id in moving
    ]
    stalled = Counter(cycle.stall_reason for cycle in running if cycle.stall_reason is not None)
    return [
        Sample(CYCLES, len(running)),
        Sample(OVERDUE, len(late)),
        *(Sample(STALLED, stalled[reason], (reason.value,)) for reason in StallReason),
    ]
