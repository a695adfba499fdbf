"""SQL of the events that the dispatcher had to set aside, and of what they hold back."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Event, LogDay, Undispatchable
from services.events.log.store.reading import lenient_record_of
from shared.contracts.events import EventRecord

DUE = text(
    """
    select event_id, organization_id, position, reason, holds, recorded_at from (
        select distinct on (organization_id, coalesce(holds, event_id::text)) *
        from events.undispatchable where retry_at is not null
        order by organization_id, coalesce(holds, event_id::text), position
    ) as first
    where retry_at <= clock_timestamp() order by position limit :limit
    """
)
PUT_OFF = text(
    """
    update events.undispatchable
    set reason = :reason, holds = coalesce(:holds, holds), retry_at = clock_timestamp() + greatest(
        interval '10 seconds', least(interval '10 minutes', (clock_timestamp() - recorded_at) / 2)
    )
    where event_id = :event_id
    """
)
"""An event waits for its next try half as long as it has been set aside, within these limits."""
MOST_LISTED = 1000


class SetAside(NamedTuple):
    """An event that was set aside. `holds` is the workflow whose later events wait for it, if any do."""

    event_id: UUID
    organization_id: UUID
    position: int
    reason: str
    holds: str | None
    since: datetime


async def set_aside(session: AsyncSession, position: int, event: EventRecord, reason: str, holds: str | None) -> None:
    """Records an event that was set aside. It is due at once when nothing before it holds the same workflow. A repeat
    changes nothing."""
    await session.execute(
        insert(Undispatchable)
        .values(
            event_id=event.id,
            organization_id=event.organization_id,
            position=position,
            reason=reason,
            holds=holds,
            retry_at=func.clock_timestamp(),
        )
        .on_conflict_do_nothing()
    )


async def read_held(session: AsyncSession, seconds: int = 0) -> set[tuple[UUID, str]]:
    """The workflows whose events wait, and have done so for that long, each with its organization."""
    rows = await session.execute(
        select(Undispatchable.organization_id, Undispatchable.holds)
        .where(
            Undispatchable.holds.is_not(None),
            Undispatchable.retry_at.is_not(None),
            Undispatchable.recorded_at <= func.clock_timestamp() - timedelta(seconds=seconds),
        )
        .distinct()
    )
    return {(row.organization_id, row.holds) for row in rows}


async def read_types_for(session: AsyncSession, workflow_ids: Collection[str], reason: str) -> set[tuple[str, str]]:
    """For each of these workflows, the types of the events that wait for it because of this reason."""
    columns = (Undispatchable.event_id, Undispatchable.organization_id, Undispatchable.position)
    rows = await session.execute(
        select(*columns, Undispatchable.reason, Undispatchable.holds, Undispatchable.recorded_at)
        .where(Undispatchable.holds.in_(workflow_ids), Undispatchable.reason == reason)
        .order_by(Undispatchable.position)
    )
    found = [SetAside(*row) for row in rows]
    records = await read_records(session, found) if found else {}
    return {(one.holds, records[one.position].type) for one in found if one.holds and one.position in records}


async def read_due(session: AsyncSession, limit: int) -> Sequence[SetAside]:
    """The events to be tried again now, in the log's order: of those that hold the same workflow only the first."""
    return [SetAside(*row) for row in await session.execute(DUE, {"limit": limit})]


async def read_records(session: AsyncSession, found: Sequence[SetAside]) -> dict[int, EventRecord]:
    """These events by their positions, as far as the log still holds them. `found` is in the log's order."""
    first_day = await session.scalar(select(func.max(LogDay.day)).where(LogDay.after_position < found[0].position))
    query = select(Event).where(Event.position.in_([one.position for one in found]))
    if first_day is not None:
        query = query.where(Event.day >= first_day)
    return {row.position: lenient_record_of(row) for row in await session.scalars(query)}


async def put_off(session: AsyncSession, event_id: UUID, reason: str, holds: str | None) -> None:
    """Records that the event could not be dispatched again, why, and when the next try is."""
    await session.execute(PUT_OFF, {"event_id": event_id, "reason": reason, "holds": holds})


async def release(session: AsyncSession, event_id: UUID) -> None:
    """The event is dispatched, or is to be left out for good: what waits for it goes on."""
    await session.execute(delete(Undispatchable).where(Undispatchable.event_id == event_id))


async def leave_out(session: AsyncSession, event_id: UUID) -> bool:
    """Leaves an event out for good; its row stays as a record of that. False if it is not set aside."""
    changed = await session.execute(
        update(Undispatchable)
        .where(Undispatchable.event_id == event_id, Undispatchable.retry_at.is_not(None))
        .values(holds=None, retry_at=None)
        .returning(Undispatchable.event_id)
    )
    return changed.scalar() is not None


async def read_all(session: AsyncSession) -> Sequence[SetAside]:
    """The first thousand events that are set aside, in the log's order."""
    columns = (Undispatchable.event_id, Undispatchable.organization_id, Undispatchable.position)
    rows = await session.execute(
        select(*columns, Undispatchable.reason, Undispatchable.holds, Undispatchable.recorded_at)
        .where(Undispatchable.retry_at.is_not(None))
        .order_by(Undispatchable.position)
        .limit(MOST_LISTED)
    )
    return [SetAside(*row) for row in rows]
