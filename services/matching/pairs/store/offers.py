"""SQL of the acceptance round: both people of an offered pair are asked and answer, until the time for offers ends.

Locks are taken in one order everywhere: the cycle's runs, its open rounds, then pairs. Functions never commit.
"""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, or_, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import Pair
from services.matching.pairs.rules.acceptance import Move, NotAsked
from services.matching.pairs.store.pairs import LIVE, decline, excuse_all, lock_rounds
from services.matching.resources import pair_view
from services.matching.runs.store.runs import expire_runs, lock_runs
from shared.contracts.matching import AcceptanceForm, EndReason, Offer, PairState, Side
from shared.contracts.rounds import (
    CloseReason,
    CloseRound,
    OpenRound,
    RoundClosed,
    RoundOpened,
    RoundState,
)
from shared.rounds import store as rounds
from shared.rounds.models import Round
from shared.rounds.store import RoundIsClosed


async def open_round(session: AsyncSession, request: OpenRound) -> RoundOpened:
    """Asks both people of every offered pair that no round asks about yet. Opening the round again answers what is
    stored, and adds no pair that was offered since: the next round asks about it."""
    organization_id = request.organization_id
    await lock_runs(session, organization_id, request.cycle_id)
    stands = await session.scalar(
        select(Round.id).where(Round.organization_id == organization_id, Round.id == request.round_id)
    )
    if stands is None:
        await session.execute(
            update(Pair)
            .where(
                Pair.organization_id == organization_id,
                Pair.cycle_id == request.cycle_id,
                Pair.state == PairState.OFFERED,
                Pair.round_id.is_(None),
            )
            .values(round_id=request.round_id)
            .execution_options(synchronize_session=False)
        )
    asked = (
        Pair.organization_id == organization_id,
        Pair.cycle_id == request.cycle_id,
        Pair.round_id == request.round_id,
    )
    both = (select(side, Pair.id).where(*asked) for side in (Pair.mentor_id, Pair.mentee_id))
    return await rounds.open_round(session, request, union_all(*both))


async def close_round(session: AsyncSession, request: CloseRound) -> RoundClosed:
    """Closes the round. The call that really closes it also declines the pairs for which an answer is missing."""
    closed, closed_now = await rounds.close_round(session, request)
    if closed_now:
        cancelled = request.reason is CloseReason.CANCELLED
        await decline(
            session,
            request.organization_id,
            EndReason.CYCLE_CANCELLED if cancelled else EndReason.NO_ANSWER,
            Pair.round_id == request.round_id,
            Pair.state == PairState.OFFERED,
        )
    return closed


async def conclude_offers(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> int:
    """Ends the time for offers: declines pairs that are still offered, expires runs that nobody approved, and counts
    the live pairs. The lock on the runs excludes an approval at the same time."""
    await lock_runs(session, organization_id, cycle_id)
    open_rounds = await lock_rounds(session, organization_id, cycle_id)
    offered = (Pair.cycle_id == cycle_id, Pair.state == PairState.OFFERED)
    declined = await decline(session, organization_id, EndReason.NO_ANSWER, *offered)
    await expire_runs(session, organization_id, cycle_id)
    await excuse_all(session, organization_id, open_rounds, declined)
    active = await session.scalar(
        select(func.count())
        .select_from(Pair)
        .where(Pair.organization_id == organization_id, Pair.cycle_id == cycle_id, Pair.state.in_(LIVE))
    )
    return active or 0


async def read_form(session: AsyncSession, organization_id: UUID, round_id: UUID, person_id: UUID) -> AcceptanceForm:
    """The offers that the round asks this person about, without those that the other person declined. Raises NotFound,
    RoundIsClosed, NotAsked."""
    counts = await rounds.read_round(session, organization_id, round_id)
    if counts.state is RoundState.CLOSED:
        raise RoundIsClosed("This round is closed; answers are no longer taken.")
    pairs = await session.scalars(
        select(Pair)
        .where(
            Pair.organization_id == organization_id,
            Pair.round_id == round_id,
            or_(Pair.mentor_id == person_id, Pair.mentee_id == person_id),
        )
        .order_by(Pair.id)
    )
    asked = pairs.all()
    if not asked:
        raise NotAsked("This person is not asked in this round.")
    return AcceptanceForm(offers=tuple(offer for pair in asked if (offer := _offer(pair, person_id)) is not None))


def _offer(pair: Pair, person_id: UUID) -> Offer | None:
    side = _side(pair, person_id)
    accepted_at = pair.mentor_accepted_at if side is Side.MENTOR else pair.mentee_accepted_at
    accepted = True if accepted_at is not None else None
    if pair.state == PairState.DECLINED and pair.declined_by == side:
        accepted = False
    elif pair.state not in (PairState.OFFERED, PairState.ACTIVE):
        return None
    told = pair_view(pair)
    return Offer(
        pair_id=pair.id,
        side=side,
        partner_id=pair.mentee_id if side is Side.MENTOR else pair.mentor_id,
        reasons=told.reasons,
        reason_codes=told.reason_codes,
        accepted=accepted,
        settled=pair.state != PairState.OFFERED,
    )


class AskedPair(NamedTuple):
    """A pair that somebody is asked about, from their side."""

    pair_id: UUID
    cycle_id: UUID
    mentor_id: UUID
    mentee_id: UUID
    side: Side
    state: PairState
    accepted: bool
    other_accepted: bool
    declined_by: Side | None


async def lock_asked_pairs(
    session: AsyncSession, organization_id: UUID, round_id: UUID, person_id: UUID, pair_ids: Collection[UUID]
) -> list[AskedPair]:
    """Those of these pairs that the round asks this person about, locked in the order of their ids."""
    found = await session.scalars(
        select(Pair)
        .where(
            Pair.organization_id == organization_id,
            Pair.round_id == round_id,
            Pair.id.in_(pair_ids),
            or_(Pair.mentor_id == person_id, Pair.mentee_id == person_id),
        )
        .order_by(Pair.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return [_asked(pair, _side(pair, person_id)) for pair in found]


def _asked(pair: Pair, side: Side) -> AskedPair:
    by_mentor, by_mentee = pair.mentor_accepted_at is not None, pair.mentee_accepted_at is not None
    accepted, other_accepted = (by_mentor, by_mentee) if side is Side.MENTOR else (by_mentee, by_mentor)
    return AskedPair(
        pair_id=pair.id,
        cycle_id=pair.cycle_id,
        mentor_id=pair.mentor_id,
        mentee_id=pair.mentee_id,
        side=side,
        state=PairState(pair.state),
        accepted=accepted,
        other_accepted=other_accepted,
        declined_by=Side(pair.declined_by) if pair.declined_by is not None else None,
    )


async def save_move(session: AsyncSession, organization_id: UUID, pair: AskedPair, move: Move) -> None:
    """Writes what the answer of one side makes of the pair, which the caller holds locked."""
    values: dict[str, object] = {}
    if move is Move.DECLINE:
        values |= {"state": PairState.DECLINED, "declined_by": pair.side}
        values |= {"end_reason": EndReason.DECLINED, "ended_at": func.now()}
    elif move is Move.ACTIVATE:
        values |= {"state": PairState.ACTIVE, "activated_at": func.now()}
    values[f"{pair.side}_accepted_at"] = None if move is Move.DECLINE else func.now()
    await session.execute(
        update(Pair)
        .where(Pair.organization_id == organization_id, Pair.id == pair.pair_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )


def _side(pair: Pair, person_id: UUID) -> Side:
    return Side.MENTOR if pair.mentor_id == person_id else Side.MENTEE
