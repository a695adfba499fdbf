"""SQL of the supply of and the demand for each topic."""

from typing import Any
from uuid import UUID

from sqlalchemy import FromClause, Select, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import Enrolment, Person
from services.intake.rules.demand import Taught, Wanted
from shared.contracts.intake import EnrolmentRole


async def read_taught(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> dict[str, Taught]:
    """The supply by the code of the topic, among the active people who enrolled as mentors."""
    topic = func.unnest(Enrolment.topics_taught).table_valued("code").render_derived("topic")
    counts = (topic.c.code, func.count(), func.sum(Enrolment.mentor_capacity))
    query = _enrolled(select(*counts), topic, organization_id, cycle_id, EnrolmentRole.MENTOR)
    return {code: Taught(*found) for code, *found in await session.execute(query)}


async def read_wanted(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> dict[str, Wanted]:
    """The demand by the code of the topic, among the active people who enrolled as mentees."""
    topic = func.unnest(Enrolment.topics_wanted).table_valued("code", with_ordinality="rank").render_derived("topic")
    counts = (topic.c.code, func.count(), func.count().filter(topic.c.rank == 1))
    query = _enrolled(select(*counts), topic, organization_id, cycle_id, EnrolmentRole.MENTEE)
    return {code: Wanted(*found) for code, *found in await session.execute(query)}


def _enrolled(
    query: Select[Any], topic: FromClause, organization_id: UUID, cycle_id: UUID, role: EnrolmentRole
) -> Select[Any]:
    """The query, grouped by topic, over the enrolments of the cycle in that role or in both roles."""
    return (
        query.select_from(Enrolment)
        .join(Person, Person.id == Enrolment.person_id)
        .join(topic, true())
        .where(
            Enrolment.organization_id == organization_id,
            Person.organization_id == organization_id,
            Enrolment.cycle_id == cycle_id,
            Enrolment.role.in_((role, EnrolmentRole.BOTH)),
            Person.active,
        )
        .group_by(topic.c.code)
    )
