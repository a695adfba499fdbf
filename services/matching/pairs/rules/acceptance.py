"""What an answer to an offer does. A pair becomes active when both people have accepted, and declined when one
declines.

A decline is final. An acceptance can be taken back until the other person has accepted too. Pure: no database, no
network, no clock.
"""

from enum import StrEnum

from shared.contracts.matching import PairState, Side
from shared.errors import Conflict, Forbidden, Invalid


class Move(StrEnum):
    """What becomes of the pair."""

    NOTHING = "nothing"
    """Nothing: it is the same answer again."""
    ACCEPT = "accept"
    """This person accepts; the other one has not accepted yet."""
    ACTIVATE = "activate"
    DECLINE = "decline"


class PairSettled(Conflict):
    code = "pair_settled"


class NotAsked(Forbidden):
    code = "not_asked"


class DecidedTwice(Invalid):
    code = "decided_twice"


def decide(
    state: PairState, side: Side, *, accept: bool, accepted: bool, other_accepted: bool, declined_by: Side | None
) -> Move:
    """What becomes of the pair by this answer. Raises PairSettled if the pair no longer waits for answers and the
    answer is not the one given before."""
    if state is PairState.OFFERED:
        if not accept:
            return Move.DECLINE
        if accepted:
            return Move.NOTHING
        return Move.ACTIVATE if other_accepted else Move.ACCEPT
    if state is PairState.ACTIVE and accept:
        return Move.NOTHING
    if state is PairState.DECLINED and declined_by == side and not accept:
        return Move.NOTHING
    raise PairSettled("This pair is settled: both sides accepted it, or one declined it. Nothing was changed.")
