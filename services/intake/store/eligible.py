"""SQL of everybody who would be asked to take part now, as matching sees people who have not enrolled yet."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import Person
from services.intake.store.enrolments import read_lines
from services.intake.store.people import asked_now
from shared.contracts.intake import EnrolmentRole, PoolPage, PoolPerson


async def read_eligible(session: AsyncSession, organization_id: UUID, after: UUID | None, limit: int) -> PoolPage:
    """One page of them in id order, with their reporting lines and the language of the directory. Each could take
    either part, and what they would answer is left out."""
    query = select(Person).where(*asked_now(organization_id))
    if after is not None:
        query = query.where(Person.id > after)
    rows = (await session.scalars(query.order_by(Person.id).limit(limit + 1))).all()
    lines = await read_lines(session, organization_id, [row.id for row in rows[:limit]])
    people = tuple(
        PoolPerson(
            person_id=row.id,
            role=EnrolmentRole.BOTH,
            level=row.level,
            department=row.department,
            location=row.location,
            time_zone=row.time_zone,
            managers=lines[row.id],
            languages=(row.language,),
        )
        for row in rows[:limit]
    )
    return PoolPage(people=people, after=people[-1].person_id if len(rows) > limit else None)
