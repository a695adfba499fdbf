"""SQL of the question whether the directory has anybody who could be the partner of a person."""

from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import Person
from services.intake.rules.prospects import Levels, partner_levels
from shared.contracts.intake import EnrolmentRole
from shared.contracts.programs import Direction, MatchingPolicy


async def roles_without_partner(
    session: AsyncSession, organization_id: UUID, person_id: UUID, direction: Direction, policy: MatchingPolicy
) -> tuple[EnrolmentRole, ...]:
    """The roles in which nobody in the directory could be this person's partner: nobody stands on a level that fits,
    or everybody who does is ruled out by department, manager or reporting line."""
    me = await session.scalar(select(Person).where(Person.organization_id == organization_id, Person.id == person_id))
    if me is None:
        return ()
    known: dict[Levels, bool] = {}
    lonely = []
    for role in EnrolmentRole:
        wanted = partner_levels(direction, policy, role, me.level)
        for levels in wanted:
            if levels not in known:
                known[levels] = await _somebody(session, me, levels, policy)
        if not any(known[levels] for levels in wanted):
            lonely.append(role)
    return tuple(lonely)


async def _somebody(session: AsyncSession, me: Person, levels: Levels, policy: MatchingPolicy) -> bool:
    mine = Person.organization_id == me.organization_id
    query = select(Person.id).where(mine, Person.active, Person.id != me.id, *_on(levels))
    if policy.different_department:
        query = query.where(Person.department != me.department)
    if policy.same_manager and me.manager_id is not None:
        query = query.where(or_(Person.manager_id.is_(None), Person.manager_id != me.manager_id))
    if policy.reporting_line:
        # UNION leaves out rows that were found before, so that a circle in the directory comes to an end.
        below = select(Person.id.label("id")).where(mine, Person.manager_id == me.id).cte("below", recursive=True)
        below = below.union(select(Person.id).join(below, Person.manager_id == below.c.id).where(mine))
        above = select(Person.manager_id.label("id")).where(mine, Person.id == me.id).cte("above", recursive=True)
        above = above.union(
            select(Person.manager_id).join(above, Person.id == above.c.id).where(mine, Person.manager_id.is_not(None))
        )
        query = query.where(
            Person.id.not_in(select(below.c.id)),
            Person.id.not_in(select(above.c.id).where(above.c.id.is_not(None))),
        )
    return await session.scalar(query.limit(1)) is not None


def _on(levels: Levels) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if levels.lowest is not None:
        found.append(Person.level >= levels.lowest)
    if levels.highest is not None:
        found.append(Person.level <= levels.highest)
    return found
