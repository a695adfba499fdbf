"""SQL of the supply of and the demand for each topic, and of the figures about them that are shown.

Whoever read the figures before and after somebody's answer would know what that person answered. So the figures are
stored when they are shown, and they are made anew only once a whole group has answered since.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import FromClause, Select, func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import Enrolment, Person, TopicFiguresRow
from services.intake.rules.demand import Taught, Wanted, supply_of
from shared.contracts.intake import EnrolmentRole, TopicFigures
from shared.contracts.programs import Topic
from shared.suppression import is_small, told_topics


async def read_figures(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, topics: Sequence[Topic]
) -> tuple[TopicFigures, ...]:
    """What is shown of each topic. It changes only once five people have enrolled, or enrolled anew, since it last did;
    before the first five nothing is shown."""
    lock = func.pg_advisory_xact_lock(func.hashtextextended(f"topics:{organization_id}:{cycle_id}", 0))
    await session.execute(select(lock))
    shown = await session.get(TopicFiguresRow, (organization_id, cycle_id))
    new = select(func.count()).where(
        Enrolment.organization_id == organization_id, Enrolment.cycle_id == cycle_id, Enrolment.role.is_not(None)
    )
    if shown is not None:
        new = new.where(Enrolment.submitted_at > shown.taken_at)
    if is_small(await session.scalar(new) or 0):
        if shown is None:
            return told_topics(supply_of(topics, {}, {}))
        return tuple(TopicFigures.model_validate(item) for item in shown.items)
    taught = await read_taught(session, organization_id, cycle_id)
    wanted = await read_wanted(session, organization_id, cycle_id)
    figures = told_topics(supply_of(topics, taught, wanted))
    values = {
        "items": [one.model_dump(mode="json") for one in figures],
        # Not the beginning of this transaction: whoever was counted above must not be new the next time.
        "taken_at": func.clock_timestamp(),
    }
    statement = insert(TopicFiguresRow).values(organization_id=organization_id, cycle_id=cycle_id, **values)
    key = [TopicFiguresRow.organization_id, TopicFiguresRow.cycle_id]
    await session.execute(statement.on_conflict_do_update(index_elements=key, set_=values))
    return figures


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
