"""The pairs of one person are found without reading those of everybody."""

from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import Pair
from services.matching.pairs.store.leavers import pairs_of

RUN = text("""
    insert into matching.match_run
        (id, organization_id, cycle_id, attempt, state, direction, policy, inputs, inputs_hash, code_version, seed,
         certified, enrolled, mentors, mentees, pairs_count, unmatched_count)
    values (:id, :organization_id, :cycle_id, 1, 'approved', 'reverse', '{}', '{}', '', '1', '', true, 0, 0, 0, 0, 0)
""")
PAIRS = text("""
    insert into matching.pair
        (id, organization_id, cycle_id, match_run_id, mentor_id, mentee_id, state, score, contributions, reasons,
         topics)
    select gen_random_uuid(), :organization_id, :cycle_id, :id, gen_random_uuid(), gen_random_uuid(), 'active', 1,
           '{}', '[]', '[]'
    from generate_series(1, 3000)
""")


async def test_a_leaver_s_pairs_are_found_by_an_index_of_each_side(
    session: AsyncSession, organization_id: UUID
) -> None:
    given = {"id": uuid4(), "organization_id": organization_id, "cycle_id": uuid4()}
    await session.execute(RUN, given)
    await session.execute(PAIRS, given)
    await session.execute(text("analyze matching.pair"))
    query = select(Pair.id).where(pairs_of(organization_id, uuid4())).compile(compile_kwargs={"literal_binds": True})
    plan = "\n".join(await session.scalars(text(f"explain {query}")))
    for side in ("mentor", "mentee"):
        assert f"ix_pair_organization_id_{side}_id" in plan, plan
    assert "Seq Scan" not in plan
