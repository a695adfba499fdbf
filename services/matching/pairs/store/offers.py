"""SQL of the acceptance round: asking both sides of every offered pair, their answers, and the end of the offers.

Locks are taken in one order everywhere: the cycle's runs, its open rounds, then pairs. Functions never commit.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import Pair
from services.matching.pairs.acceptance import Move, NotAsked, decide
from services.matching.pairs.store.pairs import LIVE, decline, excuse_all, lock_rounds
from services.matching.runs.store.runs import expire_runs, lock_runs
from shared.contracts.events import EventData, PairActivated, PairDeclined
from shared.contracts.matching import AcceptanceAnswer, AcceptanceForm, EndReason, Offer, PairState, Side
from shared.contracts.rounds import (
    AnswerRecorded,
    CloseReason,
    CloseRound,
    OpenRound,
    RoundClosed,
    RoundOpened,
    RoundState,
)
from shared.errors import Invalid
from shared.events import emit
from shared.rounds import store as rounds
from shared.rounds.models import Round
from shared.rounds.store import Recipient, RoundIsClosed


class DecidedTwice(Invalid):
    code = "decided_twice"


async def open_round(session: AsyncSession, request: OpenRound) -> RoundOpened:
    """Asks both sides of every offered pair that no round asks about yet. A repeat answers what stands and takes in
    no pair that was offered since: the next round asks about it."""
    organization_id = request.organization_id
    await lock_runs(session, organization_id, request.cycle_id)
    recipients: list[Recipient] = []
    stands = await session.scalar(
        select(Round.id).where(Round.organization_id == organization_id, Round.id == request.round_id)
    )
    if stands is None:
        asked = await session.execute(
            update(Pair)
            .where(
                Pair.organization_id == organization_id,
                Pair.cycle_id == request.cycle_id,
                Pair.state == PairState.OFFERED,
                Pair.round_id.is_(None),
            )
            .values(round_id=request.round_id)
            .returning(Pair.id, Pair.mentor_id, Pair.mentee_id)
            .execution_options(synchronize_session=False)
        )
        recipients = [Recipient(person_id, pair_id) for pair_id, *sides in asked for person_id in sides]
    return await rounds.open_round(session, request, recipients)


async def close_round(session: AsyncSession, request: CloseRound) -> RoundClosed:
    """Closes the round; the call that really closes it declines the pairs that miss an answer."""
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
    """The time for offers is over: declines what is still offered, expires what nobody approved, and counts the
    live pairs. Excludes an approval at the same time by the lock on the runs."""
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
    """The offers that the round asks this person about; those that the other side declined are gone. Raises
    NotFound, RoundIsClosed, NotAsked."""
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
    return Offer(
        pair_id=pair.id,
        side=side,
        partner_id=pair.mentee_id if side is Side.MENTOR else pair.mentor_id,
        reasons=tuple(pair.reasons),
        accepted=accepted,
    )


async def answer(
    session: AsyncSession, organization_id: UUID, round_id: UUID, person_id: UUID, given: AcceptanceAnswer
) -> AnswerRecorded:
    """Records one person's decisions, all or none. Emits `pair.activated` and `pair.declined`. Raises NotFound,
    RoundIsClosed, NotAsked, DecidedTwice, PairSettled."""
    round_ = await rounds.lock_open_round(session, organization_id, round_id)
    decisions = {decision.pair_id: decision.accept for decision in given.decisions}
    if len(decisions) != len(given.decisions):
        raise DecidedTwice("Decide once about each pair.")
    pairs = await session.scalars(
        select(Pair)
        .where(
            Pair.organization_id == organization_id,
            Pair.round_id == round_id,
            Pair.id.in_(decisions),
            or_(Pair.mentor_id == person_id, Pair.mentee_id == person_id),
        )
        .order_by(Pair.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    asked = pairs.all()
    if len(asked) != len(decisions):
        raise NotAsked("This person is not asked about this pair in this round.")
    moves = {pair.id: await _apply(session, pair, _side(pair, person_id), accept=decisions[pair.id]) for pair in asked}
    await session.flush()
    await emit(session, organization_id, *_events(asked, moves))
    answered = [pair_id for pair_id, move in moves.items() if move is not Move.NOTHING]
    if answered:
        await rounds.mark_answered(session, round_, person_id, answered)
    for pair_id in (pair_id for pair_id, move in moves.items() if move is Move.DECLINE):
        await rounds.excuse(session, organization_id, pair_id)
    return AnswerRecorded(round_id=round_.id, closes_at=round_.closes_at)


async def _apply(session: AsyncSession, pair: Pair, side: Side, *, accept: bool) -> Move:
    by_mentor, by_mentee = pair.mentor_accepted_at is not None, pair.mentee_accepted_at is not None
    move = decide(
        PairState(pair.state),
        side,
        accept=accept,
        accepted=by_mentor if side is Side.MENTOR else by_mentee,
        other_accepted=by_mentee if side is Side.MENTOR else by_mentor,
        declined_by=pair.declined_by,
    )
    if move is Move.NOTHING:
        return move
    now = await session.scalar(select(func.now()))
    if side is Side.MENTOR:
        pair.mentor_accepted_at = now if accept else None
    else:
        pair.mentee_accepted_at = now if accept else None
    if move is Move.ACTIVATE:
        pair.state, pair.activated_at = PairState.ACTIVE, now
    elif move is Move.DECLINE:
        pair.state, pair.declined_by = PairState.DECLINED, side
        pair.end_reason, pair.ended_at = EndReason.DECLINED, now
    return move


def _events(pairs: Sequence[Pair], moves: dict[UUID, Move]) -> list[EventData]:
    events: list[EventData] = []
    for pair in pairs:
        if moves[pair.id] is Move.ACTIVATE:
            events.append(
                PairActivated(
                    pair_id=pair.id, cycle_id=pair.cycle_id, mentor_id=pair.mentor_id, mentee_id=pair.mentee_id
                )
            )
        elif moves[pair.id] is Move.DECLINE:
            events.append(PairDeclined(pair_id=pair.id, cycle_id=pair.cycle_id, reason=EndReason.DECLINED))
    return events


def _side(pair: Pair, person_id: UUID) -> Side:
    return Side.MENTOR if pair.mentor_id == person_id else Side.MENTEE
