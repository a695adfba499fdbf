"""What an answer to an offer does."""

import pytest

from services.matching.pairs.rules.acceptance import Move, PairSettled, decide
from shared.contracts.matching import PairState, Side


def move(
    state: str = "offered",
    *,
    accept: bool,
    accepted: bool = False,
    other_accepted: bool = False,
    declined_by: Side | None = None,
) -> Move:
    return decide(
        PairState(state),
        Side.MENTOR,
        accept=accept,
        accepted=accepted,
        other_accepted=other_accepted,
        declined_by=declined_by,
    )


def test_the_second_acceptance_makes_the_pair_active() -> None:
    assert move(accept=True) is Move.ACCEPT
    assert move(accept=True, other_accepted=True) is Move.ACTIVATE


def test_one_decline_settles_the_pair() -> None:
    assert move(accept=False) is Move.DECLINE
    assert move(accept=False, other_accepted=True) is Move.DECLINE


def test_an_acceptance_may_be_taken_back_until_the_other_side_accepts() -> None:
    assert move(accept=False, accepted=True) is Move.DECLINE


def test_the_same_answer_again_changes_nothing() -> None:
    assert move(accept=True, accepted=True) is Move.NOTHING
    assert move("active", accept=True, accepted=True) is Move.NOTHING
    assert move("declined", accept=False, declined_by=Side.MENTOR) is Move.NOTHING


@pytest.mark.parametrize(
    ("state", "accept", "declined_by"),
    [
        ("active", False, None),
        ("declined", True, Side.MENTOR),
        ("declined", True, Side.MENTEE),
        ("declined", False, Side.MENTEE),
        ("declined", False, None),
        ("ended", True, None),
        ("completed", False, None),
    ],
)
def test_a_settled_pair_takes_no_other_answer(state: str, accept: bool, declined_by: Side | None) -> None:
    with pytest.raises(PairSettled):
        move(state, accept=accept, declined_by=declined_by)
