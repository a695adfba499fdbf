"""Which couples may meet: each hard constraint by itself."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from services.matching.engine.computation import compute
from services.matching.engine.inputs import participants, rules_of
from services.matching.engine.rules.eligibility import Constraint, violations
from services.matching.engine.rules.pool import Pool
from shared.contracts.intake import PoolPerson
from shared.contracts.programs import Direction
from tests.unit.matching_pools import couples, forbidding, inputs, junior, juniors, person, senior, seniors


def found(
    mentor: PoolPerson,
    mentee: PoolPerson,
    policy: Mapping[str, Any] | None = None,
    direction: str = "reverse",
    others: tuple[PoolPerson, ...] = (),
    **more: Any,
) -> set[Constraint]:
    """What this couple violates, in a pool with others."""
    run = inputs([mentor, mentee, *others], Direction(direction), policy=policy or {}, **more)
    pool = Pool(participants(run))
    one, other = (np.asarray([pool.index[someone.person_id]]) for someone in (mentor, mentee))
    return {rule for rule, broken in violations(pool, rules_of(run), one, other).items() if broken[0]}


def test_a_junior_mentor_and_a_senior_mentee_with_nothing_against_them_may_meet() -> None:
    assert found(junior(), senior()) == set()


@pytest.mark.parametrize(
    ("direction", "mentor_level", "mentee_level", "smallest", "largest", "allowed"),
    [
        ("reverse", 1, 2, 1, None, True),
        ("reverse", 2, 2, 1, None, False),
        ("reverse", 2, 1, 1, None, False),
        ("reverse", 2, 2, 0, None, True),
        ("reverse", 2, 1, 0, None, False),
        ("reverse", 1, 4, 1, 3, True),
        ("reverse", 1, 5, 1, 3, False),
        ("reverse", 5, 1, 1, 3, False),
        ("traditional", 2, 1, 1, None, True),
        ("traditional", 1, 2, 1, None, False),
        ("traditional", 2, 2, 0, None, True),
        ("traditional", 4, 1, 1, 3, True),
        ("traditional", 5, 1, 1, 3, False),
        ("mutual", 1, 2, 1, None, True),
        ("mutual", 2, 1, 1, None, True),
        ("mutual", 2, 2, 0, None, False),
        ("mutual", 1, 4, 1, 3, True),
        ("mutual", 1, 5, 1, 3, False),
        ("mutual", 5, 1, 1, 3, False),
        ("mutual", 3, 1, 3, None, False),
    ],
)
def test_the_level_gap_is_signed_by_the_direction(
    direction: str, mentor_level: int, mentee_level: int, smallest: int, largest: int | None, allowed: bool
) -> None:
    policy = {"min_level_gap": smallest, "max_level_gap": largest}
    result = found(junior(level=mentor_level), senior(level=mentee_level), policy, direction)
    assert result == (set() if allowed else {Constraint.LEVEL_GAP})


@pytest.mark.parametrize("depth", [0, 1, 5])
@pytest.mark.parametrize("above", ["mentor", "mentee"])
def test_nobody_meets_someone_of_their_reporting_line_at_any_depth(depth: int, above: str) -> None:
    between = [uuid4() for _ in range(depth)]
    mentor, mentee = junior(), senior()
    if above == "mentee":
        mentor = junior(managers=(*between, mentee.person_id, uuid4()))
    else:
        mentee = senior(managers=(*between, mentor.person_id, uuid4()))
    assert found(mentor, mentee) == {Constraint.REPORTING_LINE}
    assert found(mentor, mentee, {"reporting_line": False}) == set()


def test_two_branches_below_the_same_top_may_meet() -> None:
    top = uuid4()
    assert found(junior(managers=(uuid4(), top)), senior(managers=(uuid4(), top))) == set()


def test_people_with_the_same_direct_manager_do_not_meet_unless_the_policy_says_so() -> None:
    boss = uuid4()
    mentor, mentee = junior(managers=(boss,)), senior(managers=(boss, uuid4()))
    assert found(mentor, mentee) == {Constraint.SAME_MANAGER}
    assert found(mentor, mentee, {"same_manager": False}) == set()
    assert found(junior(managers=(uuid4(), boss)), mentee) == set()


def test_people_without_a_manager_have_none_in_common() -> None:
    assert found(junior(managers=()), senior(managers=())) == set()


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        (("en",), ("en",), True),
        (("de", "en"), ("fr", "en"), True),
        (("en-GB",), ("EN-us",), True),
        (("pt-BR",), ("pt",), True),
        (("de", "fr"), ("en",), False),
        ((), ("en",), False),
        ((), (), False),
    ],
)
def test_a_common_language_is_needed_in_any_regional_form(
    one: tuple[str, ...], other: tuple[str, ...], common: bool
) -> None:
    assert found(junior(languages=one), senior(languages=other)) == (set() if common else {Constraint.LANGUAGE})
    assert found(junior(languages=one), senior(languages=other), {"common_language": False}) == set()


def test_different_departments_are_needed_only_if_the_policy_says_so() -> None:
    mentor, mentee = junior(department="IT"), senior(department=" it")
    assert found(mentor, mentee) == set()
    assert found(mentor, mentee, {"different_department": True}) == {Constraint.DEPARTMENT}
    assert found(mentor, senior(department="Sales"), {"different_department": True}) == set()


@pytest.mark.parametrize(
    ("zone", "window", "hours"),
    [
        ("Europe/Berlin", "mon-am", 4),
        ("Europe/Berlin", "mon-pm", 0),
        ("Europe/Berlin", "tue-am", 0),
        ("Europe/London", "mon-am", 3),
        ("Asia/Kolkata", "mon-pm", 3.5),
        ("America/New_York", "mon-am", 0),
    ],
)
def test_common_hours_are_counted_across_time_zones(zone: str, window: str, hours: float) -> None:
    mentor = junior(time_zone="Europe/Berlin", meeting_windows=("mon-am",))
    mentee = senior(time_zone=zone, meeting_windows=(window,))
    assert found(mentor, mentee, {"min_common_hours": hours}) == set()
    assert found(mentor, mentee, {"min_common_hours": hours + 0.5}) == {Constraint.MEETING_WINDOWS}


def test_daylight_saving_of_the_week_decides_about_common_hours() -> None:
    """New York is six hours behind Berlin, but five in the weeks between the two changes of the clocks in March."""
    mentor = junior(time_zone="Europe/Berlin", meeting_windows=("mon-pm",))
    mentee = senior(time_zone="America/New_York", meeting_windows=("mon-am",))
    for day, hours in (("2026-03-02", 3), ("2026-03-09", 4), ("2026-03-23", 4), ("2026-03-30", 3)):
        week = date.fromisoformat(day)
        assert found(mentor, mentee, {"min_common_hours": hours}, week=week) == set()
        assert found(mentor, mentee, {"min_common_hours": hours + 0.5}, week=week) == {Constraint.MEETING_WINDOWS}


@pytest.mark.parametrize("side", ["mentor", "mentee"])
def test_the_avoid_list_of_either_side_counts(side: str) -> None:
    mentor, mentee = junior(), senior()
    if side == "mentor":
        mentor = mentor.model_copy(update={"avoided": (uuid4(), mentee.person_id)})
    else:
        mentee = mentee.model_copy(update={"avoided": (uuid4(), mentor.person_id)})
    assert found(mentor, mentee) == {Constraint.AVOIDED}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("policy", "ago", "allowed"),
    [
        ({}, 1, False),
        ({}, 50, False),
        ({"repeat_after_cycles": 2}, 2, False),
        ({"repeat_after_cycles": 2}, 3, True),
        ({"repeat_past_pairs": True}, 1, True),
    ],
)
def test_past_pairs_meet_again_when_the_policy_says_so(
    turned: bool, policy: dict[str, Any], ago: int, allowed: bool
) -> None:
    mentor, mentee = junior(), senior()
    past = (mentee.person_id, mentor.person_id) if turned else (mentor.person_id, mentee.person_id)
    result = found(mentor, mentee, policy, past=[(*past, ago)])
    assert result == (set() if allowed else {Constraint.PAST_PAIR})


@pytest.mark.parametrize("turned", [False, True])
def test_a_couple_offered_in_this_cycle_is_never_offered_again(turned: bool) -> None:
    mentor, mentee = junior(), senior()
    tried = (mentee.person_id, mentor.person_id) if turned else (mentor.person_id, mentee.person_id)
    assert found(mentor, mentee, {"repeat_past_pairs": True}, tried=[tried]) == {Constraint.TRIED_BEFORE}


@pytest.mark.parametrize("turned", [False, True])
def test_a_couple_that_an_admin_forbids_does_not_meet(turned: bool) -> None:
    mentor, mentee = junior(), senior()
    two = (mentee, mentor) if turned else (mentor, mentee)
    run = forbidding(inputs([mentor, mentee]), [(two[0].person_id, two[1].person_id)])
    assert found(mentor, mentee, steering=run.steering) == {Constraint.FORBIDDEN}


def test_nobody_meets_themselves() -> None:
    alone = person(person_id=UUID(int=1))
    assert Constraint.SELF in found(alone, alone, {"min_level_gap": 0})


def test_every_violated_constraint_is_named() -> None:
    mentor = junior(level=5, languages=("de",))
    assert found(mentor, senior(avoided=(mentor.person_id,))) == {
        Constraint.LEVEL_GAP,
        Constraint.LANGUAGE,
        Constraint.AVOIDED,
    }


def test_who_is_not_in_the_pool_is_in_nobodys_way() -> None:
    stranger = uuid4()
    mentor = junior(avoided=(stranger,), preferred=(stranger,))
    assert found(mentor, senior(), others=(*juniors(1), *seniors(1)), tried=[(mentor.person_id, stranger)]) == set()


def test_roles_decide_who_teaches_and_who_learns() -> None:
    assert couples(compute(inputs([*juniors(2), *seniors(2, role="mentor")]))) == set()
    [mentor], [mentee] = juniors(1, role="both"), seniors(1, role="both")
    assert couples(compute(inputs([mentor, mentee]))) == {(mentor.person_id, mentee.person_id)}
