"""SQL that says whether a workflow has heard an event that the log does not tell, as after a restore."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Event, OrganizationDay
from shared.contracts.programs import CycleRef


async def is_unknown(session: AsyncSession, cycle: CycleRef, event_id: UUID, sequence: int) -> bool:
    """Whether this event of the cycle was lost. One that is older than the log keeps is not."""
    found = await session.scalar(
        select(Event.event_id)
        .where(
            Event.organization_id == cycle.organization_id,
            Event.data["cycle_id"].astext == str(cycle.cycle_id),
            Event.event_id == event_id,
        )
        .limit(1)
    )
    if found is not None:
        return False
    kept = select(func.min(OrganizationDay.first_sequence))
    oldest = await session.scalar(kept.where(OrganizationDay.organization_id == cycle.organization_id))
    return sequence >= (oldest or 1)
