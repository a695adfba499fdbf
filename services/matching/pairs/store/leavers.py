"""SQL of leavers: their offered and live pairs end, and their partners are free again.

Locks are taken in one order everywhere: the cycle's runs, its open rounds, then pairs. Functions never commit.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, and_, any_, func, literal, or_, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import Pair
from services.matching.pairs.store.pairs import LIVE, decline, excuse_all, lock_rounds, settle
from services.matching.runs.store.runs import lock_runs
from shared.attention.resources import LeftPairs
from shared.contracts.events import PairEnded
from shared.contracts.matching import EndReason, PairState, ReleasedPair
from shared.events import emit


async def release(
    session: AsyncSession, organization_id: UUID, person_id: UUID, left_at: datetime
) -> tuple[ReleasedPair, ...]:
    """Declines the person's offered pairs and ends the live ones, in every cycle. Emits `pair.declined` and
    `pair.ended`. Returns all pairs that ended so since `left_at`, also by an earlier call. What is only proposed is
    dropped when its run is approved."""
    theirs = pairs_of(organization_id, person_id)
    cycles = await session.scalars(
        select(Pair.cycle_id)
        .where(theirs, Pair.state.in_((PairState.OFFERED, *LIVE)))
        .distinct()
        .order_by(Pair.cycle_id)
    )
    for cycle_id in cycles.all():
        await _release_in(session, organization_id, cycle_id, person_id, theirs)
    found = await session.execute(
        select(Pair.id, Pair.cycle_id)
        .where(
            theirs,
            Pair.end_reason == EndReason.LEFT_COMPANY,
            Pair.offered_at.is_not(None),
            Pair.ended_at >= left_at,
        )
        .order_by(Pair.id)
    )
    return tuple(ReleasedPair(pair_id=pair_id, cycle_id=cycle_id) for pair_id, cycle_id in found)


async def read_paired(session: AsyncSession, person_ids: Collection[UUID]) -> set[UUID]:
    """Those of these people, of whatever organizations, who are in a pair that is offered or live."""
    ids, states = literal(list(person_ids), ARRAY(Uuid())), (PairState.OFFERED, *LIVE)
    found = await session.execute(
        union(
            select(Pair.mentor_id).where(Pair.mentor_id == any_(ids), Pair.state.in_(states)),
            select(Pair.mentee_id).where(Pair.mentee_id == any_(ids), Pair.state.in_(states)),
        )
    )
    return {row[0] for row in found}


async def count_left(session: AsyncSession, organization_id: UUID, since: datetime) -> LeftPairs:
    """How many offers and pairs have ended since then because somebody left, by cycle."""
    found = await session.execute(
        select(Pair.cycle_id, func.count())
        .where(
            Pair.organization_id == organization_id,
            Pair.end_reason == EndReason.LEFT_COMPANY,
            Pair.offered_at.is_not(None),
            Pair.ended_at >= since,
        )
        .group_by(Pair.cycle_id)
    )
    return LeftPairs(pairs={row[0]: row[1] for row in found})


def pairs_of(organization_id: UUID, person_id: UUID) -> ColumnElement[bool]:
    """The pairs of one person in all cycles. An index for each side finds them."""
    return and_(Pair.organization_id == organization_id, or_(Pair.mentor_id == person_id, Pair.mentee_id == person_id))


async def _release_in(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, person_id: UUID, theirs: ColumnElement[bool]
) -> None:
    await lock_runs(session, organization_id, cycle_id)
    open_rounds = await lock_rounds(session, organization_id, cycle_id)
    reason, those = EndReason.LEFT_COMPANY, (Pair.cycle_id == cycle_id, theirs)
    declined = await decline(
        session, organization_id, reason, *those, Pair.state == PairState.OFFERED, leaver_id=person_id
    )
    ended = await settle(session, organization_id, PairState.ENDED, reason, *those, Pair.state.in_(LIVE))
    events = [PairEnded(pair_id=pair_id, cycle_id=cycle_id, reason=reason, leaver_id=person_id) for pair_id in ended]
    await emit(session, organization_id, *events)
    await excuse_all(session, organization_id, open_rounds, declined + ended)
