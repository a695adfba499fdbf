"""SQL of what the log has not told yet. It reads all organizations at once, as whoever asks watches all cycles."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Interval, and_, bindparam, extract, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import BehindRow, Event
from services.events.log.store.reading import AFTER_CURSOR, find_unread
from shared.events import StagedEvent
from shared.telemetry.metrics import LAG, ORGANIZATIONS_HELD, SET_ASIDE, STAGED, STAGED_AGE, Sample

CYCLE = "cycle_id"
DISPATCHER = "dispatcher"
"""The consumer that moves workflows."""
MOST = 10_000
"""So many late events are looked at, the oldest ones. If there are more, a cycle of which only later events tell is not
found. That the relay stands still is seen all the same, by the others and by the metrics."""
TOO_LATE = func.clock_timestamp() - bindparam("age", type_=Interval)


class LateEvent(NamedTuple):
    organization_id: UUID
    cycle_id: str


async def read_late(session: AsyncSession, consumer: str, seconds: int) -> set[LateEvent]:
    """The cycles of the events that have waited for so long: for the sequencer, or then for the consumer."""
    age = {"age": timedelta(seconds=seconds)}
    told = StagedEvent.data[CYCLE].astext
    staged = (
        select(StagedEvent.organization_id, told)
        .where(StagedEvent.time < TOO_LATE, told.is_not(None))
        .order_by(StagedEvent.id)
        .limit(MOST)
    )
    late = {LateEvent._make(row) for row in await session.execute(staged, age)}
    if (unread := await find_unread(session, consumer)) is None:
        return late
    told = Event.data[CYCLE].astext
    read = select(Event.organization_id, told).where(AFTER_CURSOR, Event.recorded_at < TOO_LATE, told.is_not(None))
    rows = await session.execute(read.order_by(Event.day, Event.position).limit(MOST), unread._asdict() | age)
    return late | {LateEvent._make(row) for row in rows}


async def read_late_behind(session: AsyncSession, seconds: int) -> set[LateEvent]:
    """The cycles of the events that have waited for so long because their organization has more than its share."""
    told = Event.data[CYCLE].astext
    left = (Event.organization_id == BehindRow.organization_id, Event.day >= BehindRow.day)
    query = (
        select(Event.organization_id, told)
        .join(BehindRow, and_(*left, Event.sequence > BehindRow.sequence))
        .where(Event.recorded_at < TOO_LATE, told.is_not(None))
        .limit(MOST)
    )
    return {LateEvent._make(row) for row in await session.execute(query, {"age": timedelta(seconds=seconds)})}


FIGURES = text(
    """
    select (select count(*) from (select from events.staged_event limit 10000) as counted),
        (select coalesce(extract(epoch from clock_timestamp() - min(time)), 0)
         from (select time from events.staged_event order by id limit 1) as first),
        (select count(*) from events.undispatchable where retry_at is not null),
        (select count(*) from events.hold)
    """
)


BEHIND = text(
    """
    select max(extract(epoch from clock_timestamp() - first.recorded_at))
    from events.behind cross join lateral (
        select recorded_at from events.event
        where event.organization_id = behind.organization_id and event.day >= behind.day
            and event.sequence > behind.sequence
        order by event.day, event.sequence limit 1
    ) as first
    """
)
"""For how long the first event has waited of an organization that is behind."""


async def measure(session: AsyncSession, consumer: str = DISPATCHER) -> list[Sample]:
    """How much waits in the log, and for how long, and how many organizations are held."""
    staged, age, set_aside, held = (await session.execute(FIGURES)).one()
    lag = 0.0
    if (unread := await find_unread(session, consumer)) is not None:
        first = select(extract("epoch", func.clock_timestamp() - Event.recorded_at)).where(AFTER_CURSOR)
        first = first.order_by(Event.day, Event.position).limit(1)
        lag = float(await session.scalar(first, unread._asdict()) or 0)
    lag = max(lag, float((await session.scalar(BEHIND)) or 0))
    waits = [Sample(STAGED, staged), Sample(STAGED_AGE, float(age)), Sample(LAG, lag)]
    return [*waits, Sample(SET_ASIDE, set_aside), Sample(ORGANIZATIONS_HELD, held)]
