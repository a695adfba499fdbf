"""Taking a participant's answer to the offers of an open acceptance round, in one transaction.

An answer may decide about several pairs, and all its decisions are recorded or none. Until a pair is settled, a side
may change its answer; an answer that changes nothing is accepted again and told to nobody.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.pairs.rules.acceptance import DecidedTwice, Move, NotAsked, decide
from services.matching.pairs.store import offers
from services.matching.pairs.store.offers import AskedPair
from shared.contracts.events import EventData, PairActivated, PairDeclined
from shared.contracts.matching import AcceptanceAnswer, EndReason
from shared.contracts.rounds import AnswerRecorded
from shared.events import emit
from shared.language.words import translatable
from shared.rounds import store as rounds


async def record_decisions(
    session: AsyncSession, organization_id: UUID, round_id: UUID, person_id: UUID, given: AcceptanceAnswer
) -> AnswerRecorded:
    """Records one person's decisions. Emits `pair.activated` and `pair.declined`. Raises NotFound, RoundIsClosed,
    NotAsked, DecidedTwice, PairSettled."""
    round_ = await rounds.lock_open_round(session, organization_id, round_id)
    decisions = {decision.pair_id: decision.accept for decision in given.decisions}
    if len(decisions) != len(given.decisions):
        raise DecidedTwice(translatable("Decide once about each pair."))
    asked = await offers.lock_asked_pairs(session, organization_id, round_id, person_id, decisions.keys())
    if len(asked) != len(decisions):
        raise NotAsked("This person is not asked about this pair in this round.")
    moves = [(pair, move) for pair in asked if (move := _move(pair, decisions[pair.pair_id])) is not Move.NOTHING]
    for pair, move in moves:
        await offers.save_move(session, organization_id, pair, move)
    await emit(session, organization_id, *(event for pair, move in moves for event in _events(pair, move)))
    if moves:
        await rounds.mark_answered(session, round_, person_id, [pair.pair_id for pair, _ in moves])
    for pair, move in moves:
        if move is Move.DECLINE:
            await rounds.excuse(session, organization_id, pair.pair_id)
    return AnswerRecorded(round_id=round_.id, closes_at=round_.closes_at)


def _move(pair: AskedPair, accept: bool) -> Move:
    return decide(
        pair.state,
        pair.side,
        accept=accept,
        accepted=pair.accepted,
        other_accepted=pair.other_accepted,
        declined_by=pair.declined_by,
    )


def _events(pair: AskedPair, move: Move) -> list[EventData]:
    if move is Move.ACTIVATE:
        return [
            PairActivated(
                pair_id=pair.pair_id, cycle_id=pair.cycle_id, mentor_id=pair.mentor_id, mentee_id=pair.mentee_id
            )
        ]
    if move is Move.DECLINE:
        return [PairDeclined(pair_id=pair.pair_id, cycle_id=pair.cycle_id, reason=EndReason.DECLINED)]
    return []
