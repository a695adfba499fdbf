"""SQL of reminders that an admin asks for, between those that a round sends by itself.

Whoever was invited or reminded within the last day is not reminded again. A round tells all who have not answered, so
that one moment is kept for each round.
"""

import math
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.events import RoundReminderRequested
from shared.contracts.rounds import REMINDERS_APART, RoundKind
from shared.errors import DomainError
from shared.events import emit
from shared.rounds.models import Round
from shared.rounds.store import lock_open_round


class RemindedRecently(DomainError):
    status = 429
    code = "reminded_recently"


async def note_told(session: AsyncSession, organization_id: UUID, round_id: UUID) -> None:
    """Records that an invitation or a reminder of the round goes out now."""
    await session.execute(
        update(Round).where(Round.organization_id == organization_id, Round.id == round_id).values(told_at=func.now())
    )


async def request_reminder(session: AsyncSession, organization_id: UUID, round_id: UUID) -> None:
    """Asks that everybody who has not answered is reminded, and emits `round.reminder_requested`. Raises NotFound,
    RoundIsClosed (410) and RemindedRecently (429)."""
    row = await lock_open_round(session, organization_id, round_id)
    now = await session.scalar(select(func.now()))
    assert now is not None
    last = max(moment for moment in (row.opened_at, row.told_at, row.reminder_requested_at) if moment is not None)
    if (left := last + REMINDERS_APART - now) > timedelta(0):
        raise _too_soon(last, left)
    row.reminder_requested_at = now
    await session.flush()
    event = RoundReminderRequested(round_id=row.id, cycle_id=row.cycle_id, kind=RoundKind(row.kind))
    await emit(session, organization_id, event)


def _too_soon(last: datetime, left: timedelta) -> RemindedRecently:
    return RemindedRecently(
        f"Those who have not answered were told last at {last.isoformat(timespec='minutes')}; nobody is reminded twice"
        " within 24 hours.",
        headers={"retry-after": str(math.ceil(left.total_seconds()))},
    )
