"""The publisher's own SQL: where an event that the broker holds stands in the log, and its cursor.

Like the dispatcher's, these statements serve all organizations at once; the event's organization is always named.
"""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Consumer, Event


async def read_cursor(session: AsyncSession, consumer: str) -> int:
    """How far the consumer has come; 0 without a cursor."""
    found = await session.scalar(select(Consumer.position).where(Consumer.name == consumer))
    return found or 0


async def forget_cursor(session: AsyncSession, consumer: str) -> None:
    """From now on the consumer reads from the oldest event that there is."""
    await session.execute(delete(Consumer).where(Consumer.name == consumer))


async def find_position(session: AsyncSession, organization_id: UUID, sequence: int, event_id: UUID) -> int | None:
    """Where an event stands; None if the log holds it no more, or another event in its place (after a restore)."""
    return await session.scalar(
        select(Event.position).where(
            Event.organization_id == organization_id, Event.sequence == sequence, Event.event_id == event_id
        )
    )
