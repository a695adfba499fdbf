"""SQL of what intake holds about one person besides the directory."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import Enrolment, Link
from services.intake.resources import PersonEnrolment, PersonEnrolments
from services.intake.store.people import read_person

MOST = 100


async def read_enrolments(session: AsyncSession, organization_id: UUID, person_id: UUID) -> PersonEnrolments:
    """The person's enrolments, the latest first. Raises PersonNotFound."""
    await read_person(session, organization_id, person_id)
    rows = await session.scalars(
        select(Enrolment)
        .where(Enrolment.organization_id == organization_id, Enrolment.person_id == person_id)
        .order_by(Enrolment.submitted_at.desc(), Enrolment.id)
        .limit(MOST)
    )
    links = await session.scalar(
        select(func.count()).where(
            Link.organization_id == organization_id, Link.person_id == person_id, Link.expires_at > func.now()
        )
    )
    items = tuple(PersonEnrolment.model_validate(row, from_attributes=True) for row in rows)
    return PersonEnrolments(items=items, links=links or 0)
