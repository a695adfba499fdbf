"""How good a couple is: each preference by itself, in whole points."""

from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import given

from services.matching.engine.computation import compute
from services.matching.engine.inputs import Inputs, participants, rules_of
from services.matching.engine.rules import scoring
from services.matching.engine.rules.participant import prepare, wish_units
from services.matching.engine.rules.pool import Pool
from services.matching.engine.rules.scoring import POINTS, Preference
from services.matching.engine.solver.assignment import BONUS
from shared.contracts.intake import PoolPerson
from shared.contracts.programs import Direction, Weights
from tests.unit.matching_pools import couples, inputs, junior, juniors, only, person, runs, senior, seniors
from tests.unit.properties import examples
from tests.unit.test_matching_participant import WEEK

ALL = dict.fromkeys((preference.value for preference in Preference), 10)


def given_points(
    preference: Preference, mentor: PoolPerson, mentee: PoolPerson, direction: str = "reverse", **more: Any
) -> int:
    """The points of one preference at weight 1; `more` are fields of the policy."""
    policy = only(**{preference.value: 1}) | more
    return sum_of(inputs([mentor, mentee], Direction(direction), policy=policy), mentor, mentee)


def sum_of(run: Inputs, mentor: PoolPerson, mentee: PoolPerson) -> int:
    pool = Pool(participants(run))
    one, other = (np.asarray([pool.index[someone.person_id]]) for someone in (mentor, mentee))
    return int(scoring.points(pool, rules_of(run), one, other)[0])


def test_topics_count_by_the_mentees_order() -> None:
    mentee = senior(topics_wanted=("ai", "data", "law"))
    taught = [("ai",), ("data",), ("law",), ("law", "ai", "data"), ("tax",), ()]
    found = [given_points(Preference.TOPICS, junior(topics_taught=topics), mentee) for topics in taught]
    assert found == [548, 272, 180, 1000, 0, 0]


@pytest.mark.parametrize(("level", "points"), [(1, 500), (2, 750), (3, 1000)])
def test_a_topic_counts_as_much_as_it_is_taught_well(level: int, points: int) -> None:
    mentor = junior(topics_taught=("ai",), taught_levels={"ai": level, "data": 3})
    assert given_points(Preference.TOPICS, mentor, senior(topics_wanted=("ai",))) == points


def test_a_first_choice_taught_poorly_is_worth_less_than_both_choices_taught_well() -> None:
    mentee = senior(topics_wanted=("ai", "data"))
    poor = junior(topics_taught=("ai",), taught_levels={"ai": 1})
    second = junior(topics_taught=("data",), taught_levels={"data": 3})
    assert given_points(Preference.TOPICS, poor, mentee) == 2 * 167
    assert given_points(Preference.TOPICS, second, mentee) == 4 * 83


def test_without_a_said_level_a_topic_is_taught_by_an_expert() -> None:
    assert given_points(Preference.TOPICS, junior(topics_taught=("ai",)), senior(topics_wanted=("ai",))) == POINTS


def test_in_a_mutual_pair_the_weaker_direction_of_topics_counts() -> None:
    one = junior(topics_taught=("ai",), topics_wanted=("data",))
    other = senior(topics_wanted=("ai",))
    assert given_points(Preference.TOPICS, one, other, "mutual") == 0
    assert given_points(Preference.TOPICS, one, other) == POINTS
    partner = senior(topics_wanted=("ai",), topics_taught=("data",), taught_levels={"data": 2})
    assert given_points(Preference.TOPICS, one, partner, "mutual") == 750
    weak = one.model_copy(update={"taught_levels": {"ai": 1}})
    assert given_points(Preference.TOPICS, weak, partner, "mutual") == 500


def test_the_units_of_wishes_fall_with_their_rank_and_add_up() -> None:
    units = wish_units(("c", "a", "b", "a"))
    assert list(units) == ["c", "a", "b"]
    assert sum(units.values()) * 4 == POINTS
    assert units == {"c": 137, "a": 68, "b": 45}
    assert wish_units(()) == {}


@pytest.mark.parametrize(
    ("one", "other", "points"), [("IT", "Sales", 1000), ("IT", " it ", 0), ("", "Sales", 0), ("", "", 0)]
)
def test_working_in_different_known_departments_counts(one: str, other: str, points: int) -> None:
    assert given_points(Preference.CROSS_FUNCTIONAL, junior(department=one), senior(department=other)) == points


@pytest.mark.parametrize(
    ("preference", "one", "other", "points"),
    [
        ("same", "Berlin", " berlin", 1000),
        ("same", "Berlin", "Pune", 0),
        ("same", "", "", 0),
        ("different", "Berlin", "Pune", 1000),
        ("different", "Berlin", "BERLIN", 0),
        ("different", "Berlin", "", 0),
    ],
)
def test_the_same_or_a_different_known_location_counts(preference: str, one: str, other: str, points: int) -> None:
    mentor, mentee = junior(location=one), senior(location=other)
    assert given_points(Preference.LOCATION, mentor, mentee, location=preference) == points


@pytest.mark.parametrize(("rank", "points"), [(1, 500), (2, 400), (3, 300), (4, 200), (5, 100), (6, 0)])
@pytest.mark.parametrize("side", ["mentor", "mentee"])
def test_a_wish_of_either_side_counts_half_and_less_with_its_rank(side: str, rank: int, points: int) -> None:
    mentor, mentee = junior(), senior()
    before = [uuid4() for _ in range(rank - 1)]
    if side == "mentor":
        mentor = mentor.model_copy(update={"preferred": (*before, mentee.person_id)})
    else:
        mentee = mentee.model_copy(update={"preferred": (*before, mentor.person_id)})
    assert given_points(Preference.WISHES, mentor, mentee) == points


def test_wishes_of_both_sides_add_up() -> None:
    mentor = junior()
    mentee = senior(preferred=(mentor.person_id,))
    mentor = mentor.model_copy(update={"preferred": (uuid4(), mentee.person_id)})
    assert given_points(Preference.WISHES, mentor, mentee) == 900


def test_somebody_named_twice_is_wished_for_once_at_the_better_rank() -> None:
    mentee = senior()
    assert given_points(Preference.WISHES, junior(preferred=(mentee.person_id, mentee.person_id)), mentee) == 500


@pytest.mark.parametrize(("waiting", "points"), [("", 0), ("mentor", 500), ("mentee", 500), ("mentor mentee", 1000)])
def test_each_side_that_waited_counts_half(waiting: str, points: int) -> None:
    two = {"mentor": junior(), "mentee": senior()}
    waited = [two[side].person_id for side in waiting.split()]
    run = inputs(list(two.values()), policy=only(waited=1), waited=waited)
    assert sum_of(run, two["mentor"], two["mentee"]) == points


@pytest.mark.parametrize(
    ("windows", "zone", "points"),
    [
        (("mon-am",), "Europe/Berlin", 1000),
        (("mon-am", "tue-am"), "Europe/Berlin", 1000),
        (("mon-pm", "tue-pm"), "Europe/Berlin", 0),
        (("mon-am",), "Europe/London", 750),
        (("mon-pm",), "Asia/Kolkata", 875),
        ((), "Europe/Berlin", 1000),
        (("mon-am",), "no such zone", 750),
    ],
)
def test_common_hours_count_up_to_four(windows: tuple[str, ...], zone: str, points: int) -> None:
    mentor = junior(meeting_windows=("mon-am", "tue-am"), time_zone="Europe/Berlin")
    mentee = senior(meeting_windows=windows, time_zone=zone)
    assert given_points(Preference.MEETING_WINDOWS, mentor, mentee) == points


@pytest.mark.parametrize(
    ("policy", "gap", "points"),
    [
        ({}, 2, 1000),
        ({}, 1, 500),
        ({}, 3, 500),
        ({}, 5, 250),
        ({"min_level_gap": 1, "max_level_gap": 5}, 3, 1000),
        ({"min_level_gap": 1, "max_level_gap": 2}, 1, 667),
        ({"min_level_gap": 1, "max_level_gap": 5, "target_level_gap": 5}, 5, 1000),
        ({"min_level_gap": 1, "max_level_gap": 5, "target_level_gap": 5}, 3, 333),
    ],
)
@pytest.mark.parametrize("direction", ["reverse", "traditional", "mutual"])
def test_a_level_gap_near_the_target_counts_more(direction: str, policy: dict[str, Any], gap: int, points: int) -> None:
    low, high = (1, 1 + gap) if direction == "reverse" else (1 + gap, 1)
    mentor, mentee = junior(level=low), senior(level=high)
    assert given_points(Preference.LEVEL_GAP, mentor, mentee, direction, **policy) == points


def test_a_weight_multiplies_and_zero_silences() -> None:
    two = junior(), senior()
    assert sum_of(inputs([*two], policy=only(topics=7)), *two) == 7000
    assert sum_of(inputs([*two], policy=only()), *two) == 0


def full_house() -> tuple[PoolPerson, PoolPerson]:
    """Two people who meet every preference fully, in a policy with default gaps."""
    one, other = uuid4(), uuid4()
    return (
        junior(person_id=one, preferred=(other,), location="Pune"),
        senior(person_id=other, preferred=(one,), location="Pune"),
    )


def test_whoever_meets_every_preference_has_the_most_points() -> None:
    mentor, mentee = full_house()
    run = inputs([mentor, mentee], policy={"weights": ALL}, waited=[mentor.person_id, mentee.person_id])
    assert sum_of(run, mentor, mentee) == scoring.most_points(Weights(**ALL)) == 70_000


def test_a_persons_bonus_is_far_above_any_score() -> None:
    assert 4 * scoring.most_points(Weights(**ALL)) < BONUS


@examples(15)
@given(runs(most=6))
def test_contributions_add_up_and_stay_within_their_weights(run: Inputs) -> None:
    pool, rules = Pool(participants(run)), rules_of(run)
    mentors, mentees = (place.ravel() for place in np.indices((len(pool), len(pool))))
    parts = scoring.contributions(pool, rules, mentors, mentees)
    for preference, found in parts.items():
        assert found.min() >= 0
        assert found.max() <= POINTS * getattr(rules.policy.weights, preference.value)
    assert np.array_equal(sum(parts.values()), scoring.points(pool, rules, mentors, mentees))


@pytest.mark.parametrize("preference", list(Preference))
def test_a_weight_of_ten_is_never_a_constraint(preference: Preference) -> None:
    """A couple that meets nothing at all is matched when there is nothing better."""
    mentor = junior(topics_taught=(), department="IT", location="Pune", meeting_windows=("mon-am",))
    mentee = senior(topics_wanted=(), department="IT", location="Berlin", meeting_windows=("fri-pm",), level=90)
    result = compute(inputs([mentor, mentee], policy=only(**{preference.value: 10})))
    assert couples(result) == {(mentor.person_id, mentee.person_id)}


@pytest.mark.parametrize("preference", list(Preference))
def test_of_two_mentors_the_one_who_meets_the_preference_is_chosen(preference: Preference) -> None:
    good, mentee = full_house()
    poor = junior(topics_taught=(), department="Sales", location="Rome", meeting_windows=("mon-am",), level=-9)
    mentee = mentee.model_copy(update={"meeting_windows": ("tue-am",)})
    run = inputs([good, poor, mentee], policy=only(**{preference.value: 1}), waited=[good.person_id])
    assert couples(compute(run)) == {(good.person_id, mentee.person_id)}


@pytest.mark.parametrize(("floor", "matched"), [(0, True), (25, True), (26, False)])
def test_under_quality_first_a_pair_reaches_the_floor(floor: int, matched: bool) -> None:
    people = [junior(location="Rome"), senior(location="Pune", topics_wanted=("ai",))]
    policy = only(topics=1, location=3) | {"objective": "quality_first", "floor": floor}
    assert bool(compute(inputs(people, policy=policy)).pairs) is matched


def test_under_quality_first_a_pair_that_meets_no_preference_is_none() -> None:
    people = [*juniors(2, topics_taught=("law",)), *seniors(2)]
    assert compute(inputs(people, policy=only(topics=1) | {"objective": "quality_first"})).pairs == ()
    assert len(compute(inputs(people, policy=only(topics=1))).pairs) == 2


def test_a_person_is_prepared_with_the_five_first_wishes() -> None:
    wished = tuple(UUID(int=number) for number in range(9))
    assert prepare(person(preferred=wished), WEEK).preferred == wished[:5]
