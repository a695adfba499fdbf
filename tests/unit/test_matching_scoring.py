"""How good a couple is: each preference by itself, in whole points."""

from uuid import uuid4

import pytest

from services.matching.eligibility import Rules
from services.matching.participant import Participant, common_hours, prepare, wish_shares
from services.matching.scoring import MAX_POINTS, Preference, contributions, points, reasons, shared_topics
from shared.contracts.intake import MeetingWindow
from shared.contracts.programs import Direction, MatchingPolicy
from tests.unit.test_matching_eligibility import mentee, mentor, person, rules

LABELS = {"ai": "Generative AI", "data": "Data literacy"}


def given(preference: Preference, one: Participant, other: Participant, by: Rules | None = None) -> int:
    return contributions(one, other, by or rules())[preference]


def test_topics_count_by_the_mentees_order() -> None:
    learner = mentee(topics_wanted=("ai", "data"))
    first = given(Preference.TOPICS, mentor(topics_taught=("ai",)), learner)
    second = given(Preference.TOPICS, mentor(topics_taught=("data",)), learner)
    both = given(Preference.TOPICS, mentor(topics_taught=("data", "ai")), learner)
    assert (first, second, both) == (6670, 3330, 10000)
    assert given(Preference.TOPICS, mentor(topics_taught=("law",)), learner) == 0


def test_in_a_mutual_pair_the_weaker_direction_of_topics_counts() -> None:
    by = rules(Direction.MUTUAL)
    teacher = mentor(topics_taught=("ai",), topics_wanted=("data",))
    assert given(Preference.TOPICS, teacher, mentee(topics_wanted=("ai",)), by) == 0
    partner = mentee(topics_wanted=("ai",), topics_taught=("data",))
    assert given(Preference.TOPICS, teacher, partner, by) == 10000


def test_the_shares_of_wishes_fall_with_their_rank_and_add_up_to_one() -> None:
    shares = wish_shares(("c", "a", "b", "a"))
    assert list(shares) == ["c", "a", "b"]
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["c"] == pytest.approx(3 * shares["b"])


def test_working_in_different_departments_counts() -> None:
    assert given(Preference.CROSS_FUNCTIONAL, mentor(department="IT"), mentee(department="Sales")) == 3000
    assert given(Preference.CROSS_FUNCTIONAL, mentor(department="IT"), mentee(department="IT")) == 0


def test_each_sides_wish_counts_half() -> None:
    one, other = mentor(), mentee()
    wished = mentor(preferred=(other.person_id,))
    assert given(Preference.WISHES, one, other) == 0
    assert given(Preference.WISHES, wished, other) == 2500
    assert given(Preference.WISHES, wished, mentee(person_id=other.person_id, preferred=(wished.person_id,))) == 5000


@pytest.mark.parametrize(
    ("windows", "zone", "hours"),
    [
        (("mon-am",), "Europe/Berlin", 4),
        (("mon-pm",), "Europe/Berlin", 0),
        (("mon-am",), "Europe/London", 3),
        (("mon-pm",), "Asia/Kolkata", 3.5),
        (("mon-am",), "America/New_York", 0),
        ((), "Europe/Berlin", 4),
        (("mon-am",), "no such zone", 3),
    ],
)
def test_meeting_windows_are_compared_in_one_time(windows: tuple[str, ...], zone: str, hours: float) -> None:
    berlin = mentor(meeting_windows=(MeetingWindow.MON_AM,), time_zone="Europe/Berlin")
    other = mentee(meeting_windows=windows, time_zone=zone)
    assert common_hours(berlin, other) == hours
    assert given(Preference.MEETING_WINDOWS, berlin, other) == round(3000 * hours / 4)


def test_a_sunday_evening_in_utc_is_found_at_the_weeks_edge() -> None:
    auckland = mentor(meeting_windows=(MeetingWindow.MON_AM,), time_zone="Pacific/Auckland")
    assert auckland.slots.bit_count() == 8


@pytest.mark.parametrize(("level", "expected"), [(3, 2000), (2, 1000), (4, 1000), (5, 666)])
def test_a_level_gap_near_the_target_counts_more(level: int, expected: int) -> None:
    assert given(Preference.LEVEL_GAP, mentor(level=1), mentee(level=level)) == expected


def test_the_target_gap_is_the_middle_of_a_bounded_range() -> None:
    by = rules(min_level_gap=1, max_level_gap=5)
    assert given(Preference.LEVEL_GAP, mentor(level=1), mentee(level=4), by) == 2000


def test_a_weight_of_zero_silences_a_preference() -> None:
    silent = {"topics": 0, "cross_functional": 0, "meeting_windows": 0, "wishes": 0, "level_gap": 0}
    by = Rules(Direction.REVERSE, MatchingPolicy.model_validate({"weights": silent}))
    assert points(mentor(topics_taught=("ai",)), mentee(topics_wanted=("ai",)), by) == 0


def test_no_couple_scores_more_than_the_maximum() -> None:
    full = dict.fromkeys(("topics", "cross_functional", "meeting_windows", "wishes", "level_gap"), 10)
    by = Rules(Direction.REVERSE, MatchingPolicy.model_validate({"weights": full}))
    one_id, other_id = uuid4(), uuid4()
    one = mentor(person_id=one_id, topics_taught=("ai",), preferred=(other_id,))
    other = mentee(person_id=other_id, topics_wanted=("ai",), preferred=(one_id,))
    assert points(one, other, by) == MAX_POINTS


def test_reasons_are_sentences_with_topic_labels() -> None:
    one = mentor(level=1, topics_taught=("data", "ai"), meeting_windows=("mon-am",))
    other = mentee(level=3, topics_wanted=("ai", "data"), meeting_windows=("mon-am",), preferred=(one.person_id,))
    assert reasons(one, other, rules(), LABELS) == (
        "The mentor teaches what the mentee wants to learn: Generative AI, Data literacy.",
        "They work in different departments.",
        "Their meeting windows have 4 hours a week in common.",
        "At least one of them wished for the other.",
        "They are 2 levels apart.",
    )


def test_reasons_claim_nothing_that_is_not_so() -> None:
    one = prepare(person(level=2, department="IT", meeting_windows=("mon-am",)))
    other = prepare(person(level=2, department="IT", meeting_windows=("tue-am",)))
    assert reasons(one, other, rules(min_level_gap=0), LABELS) == ()


def test_shared_topics_are_both_ways_only_in_a_mutual_pair() -> None:
    one = mentor(topics_taught=("ai",), topics_wanted=("data",))
    other = mentee(topics_wanted=("law", "ai"), topics_taught=("data",))
    assert shared_topics(one, other, Direction.REVERSE) == ("ai",)
    assert shared_topics(one, other, Direction.MUTUAL) == ("ai", "data")
