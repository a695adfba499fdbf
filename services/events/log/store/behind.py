"""SQL of the organizations that have more events for the dispatcher than their share.

Each of them is read apart from the others, from where it was left, until nothing of it is left below the dispatcher's
cursor."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import BehindRow
from services.events.log.store.reading import EventBrief

NEXT = text(
    """
    select event.day, event.position, event.type, event.version, event.sequence
    from events.event
    where organization_id = :organization_id and day between :day and (select max(day) from events.log_day)
        and sequence > :sequence
        and position <= (select position from events.consumer where name = :consumer)
    order by day, sequence limit :limit
    """
)


class Behind(NamedTuple):
    """An organization that is behind, the sequence that the dispatcher has reached of it, and from which day on the
    events after it are found."""

    organization_id: UUID
    day: date
    sequence: int


class OwnEvent(NamedTuple):
    """An event of one organization: what it is, and its sequence."""

    brief: EventBrief
    sequence: int


async def read_behind(session: AsyncSession) -> Sequence[Behind]:
    """The organizations that are behind, in the order of their ids."""
    columns = (BehindRow.organization_id, BehindRow.day, BehindRow.sequence)
    return [Behind._make(row) for row in await session.execute(select(*columns).order_by(BehindRow.organization_id))]


async def add_behind(session: AsyncSession, fallen: Collection[Behind]) -> None:
    """Records that these organizations are read apart from now on. A repeat changes nothing."""
    if fallen:
        rows = [one._asdict() for one in fallen]
        await session.execute(insert(BehindRow).on_conflict_do_nothing(), rows)


async def read_next(session: AsyncSession, one: Behind, consumer: str, limit: int) -> Sequence[OwnEvent]:
    """The next events of the organization that the consumer's cursor has passed, in order."""
    rows = await session.execute(NEXT, {**one._asdict(), "consumer": consumer, "limit": limit})
    return [OwnEvent(EventBrief(*row[:4]), row[4]) for row in rows]


async def note_reached(session: AsyncSession, organization_id: UUID, reached: OwnEvent) -> None:
    """Records how far the dispatcher has come with the organization."""
    await session.execute(
        update(BehindRow)
        .where(BehindRow.organization_id == organization_id)
        .values(day=reached.brief.day, sequence=reached.sequence)
    )


async def remove_behind(session: AsyncSession, organization_id: UUID) -> None:
    """The organization has caught up: its events are read with all others again."""
    await session.execute(delete(BehindRow).where(BehindRow.organization_id == organization_id))
