"""Whether the directory has anybody who could be a person's partner: as matching itself would decide it."""

import random
from collections.abc import Sequence
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.person import PersonRecord
from services.intake.store.people import create_people
from services.intake.store.prospects import roles_without_partner
from services.matching.engine.inputs import participants, rules_of
from services.matching.engine.rules.eligibility import Constraint, violations
from services.matching.engine.rules.pool import Pool
from shared.contracts.intake import EnrolmentRole, PoolPerson
from shared.contracts.programs import Direction, MatchingPolicy
from tests.services.intake_examples import person
from tests.unit.matching_pools import inputs

KNOWN = {
    *(Constraint.LEVEL_GAP, Constraint.REPORTING_LINE, Constraint.SAME_MANAGER, Constraint.DEPARTMENT, Constraint.SELF)
}
"""The constraints that do not depend on what people answer."""
POLICIES = (
    MatchingPolicy(),
    MatchingPolicy(min_level_gap=0, reporting_line=False, same_manager=False),
    MatchingPolicy(min_level_gap=2, max_level_gap=3, different_department=True, same_manager=False),
    MatchingPolicy(max_level_gap=1),
)


def directory(seed: int) -> list[PersonRecord]:
    """A few people on random levels, below random managers."""
    draw, people = random.Random(seed), list[PersonRecord]()
    for number in range(draw.randint(1, 7)):
        manager = draw.choice(people).id if people and draw.random() < 0.7 else None
        one = person(f"p{number}@x.example", manager_id=manager, level=draw.randint(1, 4))
        people.append(one._replace(department=draw.choice(("IT", "HR"))))
    return people


def by_matching(
    people: Sequence[PersonRecord], direction: Direction, policy: MatchingPolicy
) -> list[set[EnrolmentRole]]:
    """For each person, the roles for which matching would have an eligible couple if everybody took both roles."""
    manager = {one.id: one.manager_id for one in people}
    pool_people = [
        PoolPerson(
            person_id=one.id, role=EnrolmentRole.BOTH, level=one.level, department=one.department,
            time_zone=one.time_zone, managers=tuple(_line(one.id, manager)), languages=("en",),
        )
        for one in people
    ]  # fmt: skip
    run = inputs(pool_people, direction, policy=policy.model_dump())
    pool = Pool(participants(run))
    everybody = np.arange(len(pool))
    found = violations(pool, rules_of(run), everybody[:, None], everybody[None, :])
    shape = (len(pool), len(pool))
    broken = np.zeros(shape, dtype=bool)
    for constraint, couples in found.items():
        if constraint in KNOWN:
            broken |= np.broadcast_to(couples, shape)
    able = []
    for one in people:
        index = pool.index[one.id]
        as_mentor, as_mentee = not broken[index].all(), not broken[:, index].all()
        roles = {EnrolmentRole.MENTOR: as_mentor, EnrolmentRole.MENTEE: as_mentee}
        roles[EnrolmentRole.BOTH] = as_mentor or as_mentee
        able.append({role for role, possible in roles.items() if possible})
    return able


def _line(person_id: UUID, manager: dict[UUID, UUID | None]) -> list[UUID]:
    line, above = [], manager[person_id]
    while above is not None:
        line.append(above)
        above = manager[above]
    return line


@pytest.mark.parametrize("direction", list(Direction))
async def test_a_role_has_a_prospect_exactly_if_matching_would_have_a_couple(
    session: AsyncSession, direction: Direction
) -> None:
    for seed in range(12):
        people, organization_id = directory(seed), UUID(int=seed + 1)
        await create_people(session, organization_id, people)
        for policy in POLICIES:
            for one, able in zip(people, by_matching(people, direction, policy), strict=True):
                lonely = await roles_without_partner(session, organization_id, one.id, direction, policy)
                assert set(EnrolmentRole) - set(lonely) == able, (seed, direction, policy, one)


async def test_leavers_and_other_organizations_are_no_prospects(session: AsyncSession, organization_id: UUID) -> None:
    me, gone = person("me@x.example"), person("gone@x.example", level=5, active=False)
    await create_people(session, organization_id, [me, gone])
    await create_people(session, UUID(int=77), [person("they@y.example", level=5)])
    policy = MatchingPolicy()
    assert await roles_without_partner(session, organization_id, me.id, Direction.REVERSE, policy) == tuple(
        EnrolmentRole
    )
    await create_people(session, organization_id, [person("senior@x.example", level=5)])
    assert await roles_without_partner(session, organization_id, me.id, Direction.REVERSE, policy) == (
        EnrolmentRole.MENTEE,
    )
    assert await roles_without_partner(session, organization_id, me.id, Direction.TRADITIONAL, policy) == (
        EnrolmentRole.MENTOR,
    )


async def test_a_circle_in_the_directory_comes_to_an_end(session: AsyncSession, organization_id: UUID) -> None:
    one, other = person("one@x.example"), person("other@x.example", level=3)
    await create_people(
        session, organization_id, [one._replace(manager_id=other.id), other._replace(manager_id=one.id)]
    )
    found = await roles_without_partner(session, organization_id, one.id, Direction.REVERSE, MatchingPolicy())
    assert found == tuple(EnrolmentRole)


async def test_somebody_unknown_has_no_lonely_roles(session: AsyncSession, organization_id: UUID) -> None:
    found = await roles_without_partner(session, organization_id, UUID(int=5), Direction.MUTUAL, MatchingPolicy())
    assert found == ()
