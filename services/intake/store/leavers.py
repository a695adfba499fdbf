"""SQL of those who have left not long ago, for whoever compares them with what runs. It reads all organizations."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import Person
from shared.contracts.intake import Leaver

RECENT = timedelta(days=90)


async def read_recent_leavers(session: AsyncSession) -> list[Leaver]:
    """Those who are not active and whose row has changed in the last 90 days. Older leavers were followed long ago."""
    found = await session.execute(
        select(Person.organization_id, Person.id, Person.updated_at)
        .where(Person.active.is_(False), Person.updated_at > func.now() - RECENT)
        .order_by(Person.organization_id, Person.id)
    )
    return [Leaver(organization_id=row[0], person_id=row[1], left_at=row[2]) for row in found]
