"""The publisher's SQL: the position of an event that the broker holds, and the publisher's cursor.

The publisher reads the events of all organizations at once. One event is always looked up with its organization.
"""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Consumer, Event


async def read_cursor(session: AsyncSession, consumer: str) -> int:
    """The last position that the consumer has dealt with; 0 if it has no cursor."""
    found = await session.scalar(select(Consumer.position).where(Consumer.name == consumer))
    return found or 0


async def forget_cursor(session: AsyncSession, consumer: str) -> None:
    """Deletes the cursor, so that the consumer begins again with the oldest event that is kept."""
    await session.execute(delete(Consumer).where(Consumer.name == consumer))


async def find_position(session: AsyncSession, organization_id: UUID, sequence: int, event_id: UUID) -> int | None:
    """The position of an event; None if the log does not hold it any more, or holds another event in its place, as
    after a restore."""
    return await session.scalar(
        select(Event.position).where(
            Event.organization_id == organization_id, Event.sequence == sequence, Event.event_id == event_id
        )
    )
