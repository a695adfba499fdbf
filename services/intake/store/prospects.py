"""SQL of the question whether the directory has anybody who could be the partner of a person."""

from functools import cache
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Select, Uuid, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import Person
from services.intake.rules.prospects import Levels, partner_levels
from shared.contracts.intake import EnrolmentRole
from shared.contracts.programs import Direction, MatchingPolicy

ME = select(Person.id, Person.organization_id, Person.level, Person.department, Person.manager_id).where(
    Person.organization_id == bindparam("organization_id"), Person.id == bindparam("id")
)
"""Made once, as each form needs it (decision 0015)."""


class Shape(NamedTuple):
    """What a statement that looks for somebody asks. The values are its parameters."""

    lowest: bool
    highest: bool
    different_department: bool
    other_manager: bool
    reporting_line: bool


async def roles_without_partner(
    session: AsyncSession, organization_id: UUID, person_id: UUID, direction: Direction, policy: MatchingPolicy
) -> tuple[EnrolmentRole, ...]:
    """The roles in which nobody in the directory could be this person's partner: nobody stands on a level that fits,
    or everybody who does is ruled out by department, manager or reporting line."""
    me = (await session.execute(ME, {"organization_id": organization_id, "id": person_id})).one_or_none()
    if me is None:
        return ()
    known: dict[Levels, bool] = {}
    lonely = []
    for role in EnrolmentRole:
        wanted = partner_levels(direction, policy, role, me.level)
        for levels in wanted:
            if levels not in known:
                shape = Shape(
                    levels.lowest is not None,
                    levels.highest is not None,
                    policy.different_department,
                    policy.same_manager and me.manager_id is not None,
                    policy.reporting_line,
                )
                mine = me._asdict() | {"lowest": levels.lowest, "highest": levels.highest}
                known[levels] = await session.scalar(_somebody(shape), mine) is not None
        if not any(known[levels] for levels in wanted):
            lonely.append(role)
    return tuple(lonely)


@cache
def _somebody(shape: Shape) -> Select[UUID]:
    """One person of the directory who could be the partner."""
    mine, my_id = Person.organization_id == bindparam("organization_id"), bindparam("id", type_=Uuid())
    query = select(Person.id).where(mine, Person.active, Person.id != my_id)
    if shape.lowest:
        query = query.where(Person.level >= bindparam("lowest"))
    if shape.highest:
        query = query.where(Person.level <= bindparam("highest"))
    if shape.different_department:
        query = query.where(Person.department != bindparam("department"))
    if shape.other_manager:
        query = query.where(or_(Person.manager_id.is_(None), Person.manager_id != bindparam("manager_id")))
    if shape.reporting_line:
        # UNION leaves out rows that were found before, so that a circle in the directory comes to an end.
        below = select(Person.id.label("id")).where(mine, Person.manager_id == my_id).cte("below", recursive=True)
        below = below.union(select(Person.id).join(below, Person.manager_id == below.c.id).where(mine))
        above = select(Person.manager_id.label("id")).where(mine, Person.id == my_id).cte("above", recursive=True)
        above = above.union(
            select(Person.manager_id).join(above, Person.id == above.c.id).where(mine, Person.manager_id.is_not(None))
        )
        query = query.where(
            Person.id.not_in(select(below.c.id)),
            Person.id.not_in(select(above.c.id).where(above.c.id.is_not(None))),
        )
    return query.limit(1)
