"""SQL of pairs: reading pairs, ending one, concluding all pairs of a cycle.

Locks are taken in one order everywhere: the cycle's runs, its open rounds, then pairs. Functions never commit.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import Pair
from services.matching.resources import PairView, pair_view
from services.matching.runs.store.runs import expire_runs, lock_runs
from shared.contracts.events import EventData, PairCompleted, PairDeclined, PairEnded
from shared.contracts.matching import EndReason, PairPage, PairState, PairSummary
from shared.contracts.rounds import RoundState
from shared.errors import Conflict, Invalid, NotFound
from shared.events import emit
from shared.rounds import store as rounds
from shared.rounds.models import Round, RoundRecipient

LIVE = (PairState.ACTIVE, PairState.ON_HOLD)


class PairNotFound(NotFound):
    code = "pair_not_found"


class PairNotActive(Conflict):
    code = "pair_not_active"


class CannotConclude(Invalid):
    code = "cannot_conclude"


async def read_pairs(
    session: AsyncSession,
    organization_id: UUID,
    cycle_id: UUID,
    states: Sequence[PairState],
    after: UUID | None,
    limit: int,
) -> tuple[tuple[PairView, ...], UUID | None]:
    """One page of the cycle's pairs in id order, in any of `states` (all if empty), and the next page's cursor."""
    query = select(Pair).where(Pair.organization_id == organization_id, Pair.cycle_id == cycle_id)
    if states:
        query = query.where(Pair.state.in_(states))
    if after is not None:
        query = query.where(Pair.id > after)
    found = (await session.scalars(query.order_by(Pair.id).limit(limit + 1))).all()
    page = tuple(pair_view(pair) for pair in found[:limit])
    return page, page[-1].id if len(found) > limit else None


async def read_couples(
    session: AsyncSession,
    organization_id: UUID,
    cycle_id: UUID,
    states: Sequence[PairState],
    after: UUID | None,
    limit: int,
) -> PairPage:
    """The same page, without scores and reasons."""
    columns = (Pair.id, Pair.mentor_id, Pair.mentee_id, Pair.state, Pair.topics, Pair.activated_at)
    query = select(*columns).where(Pair.organization_id == organization_id, Pair.cycle_id == cycle_id)
    if states:
        query = query.where(Pair.state.in_(states))
    if after is not None:
        query = query.where(Pair.id > after)
    found = (await session.execute(query.order_by(Pair.id).limit(limit + 1))).all()
    page = tuple(PairSummary.model_validate(row, from_attributes=True) for row in found[:limit])
    return PairPage(pairs=page, after=page[-1].id if len(found) > limit else None)


async def read_pair(session: AsyncSession, organization_id: UUID, pair_id: UUID) -> PairView:
    """Raises PairNotFound."""
    pair = await session.scalar(select(Pair).where(Pair.organization_id == organization_id, Pair.id == pair_id))
    if pair is None:
        raise PairNotFound("There is no such pair.")
    return pair_view(pair)


async def end_pair(session: AsyncSession, organization_id: UUID, pair_id: UUID, reason: EndReason) -> PairView:
    """Ends a live pair and stops asking about it. Ending it again changes nothing. Emits `pair.ended`. Raises
    PairNotFound, PairNotActive."""
    found = await read_pair(session, organization_id, pair_id)
    await lock_rounds(session, organization_id, found.cycle_id)
    pair = await session.scalar(
        select(Pair)
        .where(Pair.organization_id == organization_id, Pair.id == pair_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if pair is None:
        raise PairNotFound("There is no such pair.")
    if pair.state != PairState.ENDED:
        if pair.state not in LIVE:
            raise PairNotActive(f"Only an active pair can be ended; this one is {pair.state}.")
        now = await session.scalar(select(func.now()))
        pair.state, pair.end_reason, pair.ended_at = PairState.ENDED, reason, now
        await session.flush()
        await emit(session, organization_id, PairEnded(pair_id=pair.id, cycle_id=pair.cycle_id, reason=reason))
        await rounds.excuse(session, organization_id, pair.id)
    return pair_view(pair)


async def conclude_pairs(session: AsyncSession, organization_id: UUID, cycle_id: UUID, state: PairState) -> int:
    """Concludes the pairs of a cycle that is over. Its live pairs become `completed`, or, if the cycle was cancelled,
    `ended`, and open offers `declined`. Runs that nobody approved expire. Returns how many pairs are concluded in this
    way, also by an earlier call. Emits `pair.completed`, `pair.ended`, `pair.declined`. Raises CannotConclude for any
    other state."""
    if state not in (PairState.COMPLETED, PairState.ENDED):
        raise CannotConclude("Pairs are concluded as completed or ended.")
    await lock_runs(session, organization_id, cycle_id)
    open_rounds = await lock_rounds(session, organization_id, cycle_id)
    await expire_runs(session, organization_id, cycle_id)
    reason = EndReason.CYCLE_CANCELLED if state is PairState.ENDED else None
    concluded: list[UUID] = []
    if reason is not None:
        offered = (Pair.cycle_id == cycle_id, Pair.state == PairState.OFFERED)
        concluded += await decline(session, organization_id, reason, *offered)
    pair_ids = await settle(session, organization_id, state, reason, Pair.cycle_id == cycle_id, Pair.state.in_(LIVE))
    events: list[EventData] = [
        PairCompleted(pair_id=pair_id, cycle_id=cycle_id)
        if reason is None
        else PairEnded(pair_id=pair_id, cycle_id=cycle_id, reason=reason)
        for pair_id in pair_ids
    ]
    await emit(session, organization_id, *events)
    await excuse_all(session, organization_id, open_rounds, concluded + pair_ids)
    counted = await session.scalar(
        select(func.count())
        .select_from(Pair)
        .where(
            Pair.organization_id == organization_id,
            Pair.cycle_id == cycle_id,
            Pair.state == state,
            Pair.end_reason.is_(None) if reason is None else Pair.end_reason == reason,
        )
    )
    return counted or 0


async def decline(
    session: AsyncSession,
    organization_id: UUID,
    reason: EndReason,
    *conditions: ColumnElement[bool],
    leaver_id: UUID | None = None,
) -> list[UUID]:
    """Declines all pairs that meet the conditions and returns their ids. Emits `pair.declined` for each."""
    declined = await session.execute(
        update(Pair)
        .where(Pair.organization_id == organization_id, *conditions)
        .values(state=PairState.DECLINED, end_reason=reason, ended_at=func.now())
        .returning(Pair.id, Pair.cycle_id)
        .execution_options(synchronize_session=False)
    )
    cycles: dict[UUID, UUID] = {row.id: row.cycle_id for row in declined}
    events = [
        PairDeclined(pair_id=pair_id, cycle_id=cycles[pair_id], reason=reason, leaver_id=leaver_id)
        for pair_id in sorted(cycles)
    ]
    await emit(session, organization_id, *events)
    return sorted(cycles)


async def settle(
    session: AsyncSession,
    organization_id: UUID,
    state: PairState,
    reason: EndReason | None,
    *conditions: ColumnElement[bool],
) -> list[UUID]:
    """Gives all pairs that meet the conditions their last state, and returns their ids. Emits nothing."""
    found = await session.scalars(
        update(Pair)
        .where(Pair.organization_id == organization_id, *conditions)
        .values(state=state, end_reason=reason, ended_at=func.now())
        .returning(Pair.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(found)


async def lock_rounds(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> list[UUID]:
    """The cycle's open rounds, locked. They are locked before any pair is, as is done when an answer is taken."""
    found = await session.scalars(
        select(Round.id)
        .where(Round.organization_id == organization_id, Round.cycle_id == cycle_id, Round.state == RoundState.OPEN)
        .order_by(Round.id)
        .with_for_update()
    )
    return list(found)


async def excuse_all(
    session: AsyncSession, organization_id: UUID, round_ids: Sequence[UUID], pair_ids: Sequence[UUID]
) -> None:
    """Stops asking about these pairs. Only those that an open round still asks about cost a statement."""
    if not round_ids or not pair_ids:
        return
    asked = await session.scalars(
        select(RoundRecipient.subject_id)
        .where(
            RoundRecipient.organization_id == organization_id,
            RoundRecipient.round_id.in_(round_ids),
            RoundRecipient.answered_at.is_(None),
            RoundRecipient.excused_at.is_(None),
        )
        .distinct()
    )
    for pair_id in sorted(set(asked).intersection(pair_ids)):
        await rounds.excuse(session, organization_id, pair_id)
