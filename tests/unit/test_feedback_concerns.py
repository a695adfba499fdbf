"""Two misses in a row are a concern, once a run; the ladder only goes up."""

from collections.abc import Collection
from uuid import uuid4

import pytest

from services.feedback.rules.concerns import Participant, Told, climbs, silent_participants
from shared.contracts.feedback import ConcernRung

SOMEONE = Participant(uuid4(), uuid4())


def raised(missed: Collection[int], number: int, *told: Told) -> bool:
    return silent_participants({SOMEONE: missed}, {SOMEONE: told}, number) == [SOMEONE]


@pytest.mark.parametrize(
    ("missed", "number"),
    [({1, 2}, 2), ({3, 4}, 4), ({1, 3, 4}, 4)],
)
def test_two_misses_in_a_row_are_a_concern(missed: set[int], number: int) -> None:
    assert raised(missed, number)


@pytest.mark.parametrize(("missed", "number"), [({1}, 1), ({2}, 2), ({1, 3}, 3), ({1, 2}, 3)])
def test_single_misses_and_answered_rounds_are_none(missed: set[int], number: int) -> None:
    assert not raised(missed, number)


def test_an_open_concern_is_not_raised_again() -> None:
    assert not raised({1, 2, 4, 5}, 5, Told(number=2, open=True))


def test_a_run_of_misses_is_told_once_even_when_a_human_resolved_it() -> None:
    assert not raised({1, 2, 3}, 3, Told(number=2, open=False))


def test_an_answer_in_between_starts_a_new_run() -> None:
    assert raised({1, 2, 4, 5}, 5, Told(number=2, open=False))


def test_a_run_that_outlasts_an_older_concern_is_told() -> None:
    assert raised({1, 2, 4, 5, 6}, 6, Told(number=2, open=False))


def test_participants_come_in_a_fixed_order() -> None:
    people = sorted(Participant(uuid4(), uuid4()) for _ in range(9))
    assert silent_participants({person: {1, 2} for person in reversed(people)}, {}, 2) == people


def test_the_ladder_only_goes_up() -> None:
    assert climbs(None, ConcernRung.COORDINATOR)
    assert climbs(None, ConcernRung.SPONSOR)
    assert climbs(ConcernRung.COORDINATOR, ConcernRung.SPONSOR)
    assert not climbs(ConcernRung.COORDINATOR, ConcernRung.COORDINATOR)
    assert not climbs(ConcernRung.SPONSOR, ConcernRung.COORDINATOR)
