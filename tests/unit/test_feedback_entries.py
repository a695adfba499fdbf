"""What makes the entries of an answer valid."""

from uuid import uuid4

import pytest

from services.feedback.rules.entries import AnswerNotValid, check_check_in, check_survey, usefulness_of
from shared.contracts.feedback import CheckInEntry, SurveyEntry

PAIR, OTHER = uuid4(), uuid4()


def fields(error: AnswerNotValid) -> list[str]:
    return [found["field"] for found in error.extra["errors"]]


def test_a_meeting_needs_its_usefulness() -> None:
    with pytest.raises(AnswerNotValid) as caught:
        check_check_in([CheckInEntry(pair_id=PAIR, met=True)], [PAIR])
    assert fields(caught.value) == ["entries.0.usefulness"]


def test_without_a_meeting_no_usefulness_is_needed_and_none_counts() -> None:
    entry = CheckInEntry(pair_id=PAIR, met=False, usefulness=4)
    check_check_in([entry], [PAIR])
    assert usefulness_of(entry) is None


def test_the_usefulness_of_a_meeting_counts() -> None:
    assert usefulness_of(CheckInEntry(pair_id=PAIR, met=True, usefulness=4)) == 4


def test_a_pair_that_is_not_asked_is_named() -> None:
    with pytest.raises(AnswerNotValid) as caught:
        check_check_in([CheckInEntry(pair_id=PAIR, met=False), CheckInEntry(pair_id=OTHER, met=False)], [PAIR])
    assert fields(caught.value) == ["entries.1.pair_id"]


def test_a_pair_is_answered_once() -> None:
    with pytest.raises(AnswerNotValid) as caught:
        check_survey([SurveyEntry(pair_id=PAIR, usefulness=3, would_repeat=True)] * 2, [PAIR])
    assert fields(caught.value) == ["entries.1.pair_id"]


def test_all_wrong_fields_are_told_at_once() -> None:
    with pytest.raises(AnswerNotValid) as caught:
        check_check_in([CheckInEntry(pair_id=PAIR, met=True), CheckInEntry(pair_id=OTHER, met=True)], [PAIR])
    assert fields(caught.value) == ["entries.1.pair_id", "entries.0.usefulness", "entries.1.usefulness"]


def test_part_of_the_pairs_may_be_answered() -> None:
    check_survey([SurveyEntry(pair_id=PAIR, usefulness=3, would_repeat=True)], [PAIR, OTHER])
