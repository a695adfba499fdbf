"""Two missed check-ins in a row are one concern, and an escalation only goes up."""

from collections.abc import Collection
from uuid import uuid4

import pytest

from services.feedback.rules.concerns import EarlierConcern, Participant, is_higher, silent_participants
from shared.contracts.feedback import ConcernRung

SOMEONE = Participant(uuid4(), uuid4())


def raised(missed: Collection[int], number: int, *earlier: EarlierConcern) -> bool:
    return silent_participants({SOMEONE: missed}, {SOMEONE: earlier}, number) == [SOMEONE]


@pytest.mark.parametrize(
    ("missed", "number"),
    [({1, 2}, 2), ({3, 4}, 4), ({1, 3, 4}, 4)],
)
def test_two_misses_in_a_row_are_a_concern(missed: set[int], number: int) -> None:
    assert raised(missed, number)


@pytest.mark.parametrize(("missed", "number"), [({1}, 1), ({2}, 2), ({1, 3}, 3), ({1, 2}, 3)])
def test_a_single_miss_and_an_answered_round_are_no_concern(missed: set[int], number: int) -> None:
    assert not raised(missed, number)


def test_an_open_concern_is_not_raised_again() -> None:
    assert not raised({1, 2, 4, 5}, 5, EarlierConcern(number=2, open=True))


def test_misses_in_a_row_are_one_concern_even_when_a_human_resolved_it() -> None:
    assert not raised({1, 2, 3}, 3, EarlierConcern(number=2, open=False))


def test_an_answer_in_between_starts_a_new_count() -> None:
    assert raised({1, 2, 4, 5}, 5, EarlierConcern(number=2, open=False))


def test_misses_after_an_older_concern_and_an_answer_are_a_new_concern() -> None:
    assert raised({1, 2, 4, 5, 6}, 6, EarlierConcern(number=2, open=False))


def test_participants_come_in_a_fixed_order() -> None:
    people = sorted(Participant(uuid4(), uuid4()) for _ in range(9))
    assert silent_participants({person: {1, 2} for person in reversed(people)}, {}, 2) == people


def test_an_escalation_only_goes_up() -> None:
    assert is_higher(ConcernRung.COORDINATOR, None)
    assert is_higher(ConcernRung.SPONSOR, None)
    assert is_higher(ConcernRung.SPONSOR, ConcernRung.COORDINATOR)
    assert not is_higher(ConcernRung.COORDINATOR, ConcernRung.COORDINATOR)
    assert not is_higher(ConcernRung.COORDINATOR, ConcernRung.SPONSOR)
