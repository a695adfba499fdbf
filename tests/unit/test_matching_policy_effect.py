"""What rules would do that nobody has stored yet: with the people of a run, and with the directory."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.matching.engine.computation import compute
from services.matching.engine.inputs import Inputs
from services.matching.engine.permitted import permitted
from services.matching.engine.rules.eligibility import Constraint, Rules
from services.matching.engine.steering import PersonCouple, Steering
from services.matching.engine.unmatched import UnmatchedReason
from services.matching.runs.rules.disclosure import NOT_TOLD
from services.matching.runs.rules.policy_effect import (
    TOLD,
    PolicyEffect,
    PolicyTrial,
    decided_in,
    effect_on_run,
    tried,
)
from shared.contracts.intake import PoolPerson
from shared.contracts.programs import Direction, MatchingPolicy
from tests.unit.matching_pools import inputs, junior, juniors, person, senior, seniors

WEEK = date(2026, 3, 2)


def counted(people: list[PoolPerson], direction: str = "reverse", **policy: Any) -> Mapping[str, Any]:
    return permitted(people, Rules(Direction(direction), MatchingPolicy(**policy)), WEEK)._asdict()


def effect(was: Inputs, **policy: Any) -> PolicyEffect:
    now = tried(was, PolicyTrial(policy=MatchingPolicy(**policy)))
    before, after = compute(was), compute(now)
    return effect_on_run(uuid4(), decided_in(before), was, decided_in(after), now, certified=after.certified)


def test_everybody_counts_for_either_part_and_each_rule_for_what_it_forbids() -> None:
    one, two, top = person(level=1), person(level=2, department="HR"), person(level=5, languages=("fr",))
    assert counted([one, two, top]) == {
        "mentors": 1,
        "mentees": 1,
        "nobody": 1,
        "possible": 6,
        "couples": 1,
        "ruled_out": {Constraint.LEVEL_GAP: 3, Constraint.LANGUAGE: 4},
    }
    assert counted([one, two, top], common_language=False)["couples"] == 3


def test_two_people_of_a_mutual_program_are_one_couple() -> None:
    found = counted([person(level=1), person(level=2), person(level=2)], "mutual")
    assert (found["possible"], found["couples"], found["mentors"], found["mentees"]) == (3, 2, 3, 3)


def test_nobody_is_a_couple_with_themselves_and_no_rule_is_blamed_for_it() -> None:
    boss = uuid4()
    found = counted([person(level=level, managers=(boss,)) for level in (1, 2)], same_manager=True)
    assert found["ruled_out"] == {Constraint.LEVEL_GAP: 1, Constraint.SAME_MANAGER: 2}


@pytest.mark.parametrize("people", [0, 1])
def test_a_directory_of_nobody_or_one_has_no_couples(people: int) -> None:
    assert counted([person() for _ in range(people)])["couples"] == 0


def test_many_people_are_counted_in_parts_and_a_computation_can_be_stopped_between_them() -> None:
    people, parts = [person(level=1 + one % 2) for one in range(600)], []
    found = permitted(people, Rules(Direction.REVERSE, MatchingPolicy()), WEEK, lambda: parts.append(1))
    assert (found.couples, found.mentors, found.mentees, len(parts)) == (300 * 300, 300, 300, 3)


def test_a_run_by_other_rules_says_how_many_pairs_stay_go_and_come() -> None:
    french = {"languages": ("fr",)}
    was = inputs([junior(), junior(**french), senior(level=6), senior(level=3, **french)])
    same = effect(was).match_run
    assert same is not None
    assert same.before == same.after
    assert (same.pairs_kept, same.pairs_removed, same.pairs_added) == (2, 0, 0)
    stricter = effect(was, max_level_gap=3).match_run
    assert stricter is not None
    assert (stricter.pairs_kept, stricter.pairs_removed, stricter.pairs_added) == (1, 1, 0)
    assert (stricter.before.people, stricter.after.people, stricter.no_longer_matched) == (4, 2, 2)
    assert stricter.after.unmatched_by == {"level_gap": 2}


def test_what_admins_decided_about_single_people_stays_and_only_their_rules_go() -> None:
    one, other, third = senior(), senior(), senior()
    steering = Steering(dropped=(third.person_id,), policy=MatchingPolicy(min_level_gap=5))
    mentors = juniors(3)
    steering = steering.model_copy(
        update={"pins": (PersonCouple(mentor_id=mentors[0].person_id, mentee_id=one.person_id),)}
    )
    now = tried(inputs([*mentors, one, other, third], steering=steering), PolicyTrial())
    assert now.steering.policy is None
    found = decided_in(compute(now))
    assert (mentors[0].person_id, one.person_id) in found.pairs
    assert found.reasons[third.person_id] == UnmatchedReason.DROPPED


def test_an_avoid_list_is_told_as_a_place_that_went_to_somebody_else_is() -> None:
    """Whatever rules are lifted, the one reason that is left does not say that anybody avoids anybody."""
    lifted = {"min_level_gap": 0, "reporting_line": False, "same_manager": False, "common_language": False}

    def left(mentors: list[PoolPerson], mentees: list[PoolPerson]) -> dict[str, int]:
        run = effect(inputs([*mentors, *mentees]), **lifted).match_run
        assert run is not None
        return run.after.unmatched_by

    lonely: UUID = uuid4()
    avoiding = left([junior(person_id=lonely)], [senior(avoided=(lonely,))])
    assert set(avoiding) == {"other"}
    assert set(left(juniors(2), seniors(1))) == {"other"}


def test_no_reason_that_is_told_to_nobody_has_a_count_of_its_own() -> None:
    assert not {reason.value for reason in TOLD} & NOT_TOLD
