"""SQL of what the log has not told yet. It reads all organizations at once, as whoever asks watches all cycles."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Integer, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Event
from services.events.log.store.reading import AFTER_CURSOR, find_unread
from shared.events import StagedEvent

CYCLE = "cycle_id"
MOST = 10_000
"""So many late events are looked at. If there are more, every cycle that has something to tell is among the first."""
OLDER = text("interval '1 second' * :seconds").bindparams(bindparam("seconds", type_=Integer))


class LateEvent(NamedTuple):
    organization_id: UUID
    cycle_id: str


async def read_late(session: AsyncSession, consumer: str, seconds: int) -> set[LateEvent]:
    """The cycles of the events that have waited for so long: for the sequencer, or then for the consumer."""
    moment = func.clock_timestamp() - OLDER
    told = StagedEvent.data[CYCLE].astext
    staged = (
        select(StagedEvent.organization_id, told)
        .where(StagedEvent.time < moment, told.is_not(None))
        .order_by(StagedEvent.id)
        .limit(MOST)
    )
    late = {LateEvent._make(row) for row in await session.execute(staged, {"seconds": seconds})}
    if (unread := await find_unread(session, consumer)) is None:
        return late
    told = Event.data[CYCLE].astext
    read = select(Event.organization_id, told).where(AFTER_CURSOR, Event.recorded_at < moment, told.is_not(None))
    rows = await session.execute(
        read.order_by(Event.day, Event.position).limit(MOST), {**unread._asdict(), "seconds": seconds}
    )
    return late | {LateEvent._make(row) for row in rows}
