"""SQL of holds. After a restore each organization is held: its events move no workflow, and its workflows do nothing,
until its cycles agree with their rows."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Hold, OrganizationHead, Undispatchable


async def hold_all(session: AsyncSession) -> None:
    """Holds every organization that has events. Holding again changes nothing."""
    everybody = select(OrganizationHead.organization_id)
    await session.execute(insert(Hold).from_select(["organization_id"], everybody).on_conflict_do_nothing())


async def is_held(session: AsyncSession, organization_id: UUID) -> bool:
    return bool(await session.scalar(select(select(Hold).where(Hold.organization_id == organization_id).exists())))


async def read_holds(session: AsyncSession) -> Sequence[tuple[UUID, datetime]]:
    """The organizations that are held, and since when."""
    found = await session.execute(select(Hold.organization_id, Hold.since).order_by(Hold.organization_id))
    return [(organization_id, since) for organization_id, since in found]


async def release(session: AsyncSession, organization_ids: Collection[UUID]) -> None:
    """Holds these organizations no longer. Events that waited for that are dispatched at once."""
    await session.execute(delete(Hold).where(Hold.organization_id.in_(organization_ids)))
    await session.execute(
        update(Undispatchable)
        .where(Undispatchable.organization_id.in_(organization_ids), Undispatchable.retry_at.is_not(None))
        .values(retry_at=func.clock_timestamp())
    )
