"""Which couples may meet: each hard constraint by itself."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from services.matching.eligibility import Constraint, Rules, couples, is_eligible, violations
from services.matching.participant import Participant, prepare
from shared.contracts.intake import PoolPerson
from shared.contracts.programs import Direction, MatchingPolicy


def person(**features: Any) -> PoolPerson:
    base = {
        "person_id": uuid4(),
        "role": "both",
        "level": 1,
        "department": "IT",
        "time_zone": "Europe/Berlin",
        "languages": ("en",),
    }
    return PoolPerson.model_validate(base | features)


def mentor(**features: Any) -> Participant:
    return prepare(person(**{"role": "mentor", "level": 1, "department": "IT"} | features))


def mentee(**features: Any) -> Participant:
    return prepare(person(**{"role": "mentee", "level": 3, "department": "Sales"} | features))


def rules(direction: Direction = Direction.REVERSE, **policy: Any) -> Rules:
    return Rules(direction=direction, policy=MatchingPolicy(**policy))


def found(one: Participant, other: Participant, by: Rules) -> set[Constraint]:
    return set(violations(one, other, by))


def test_a_junior_mentor_and_a_senior_mentee_with_nothing_against_them_may_meet() -> None:
    assert is_eligible(mentor(), mentee(), rules())


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
        ("traditional", 2, 1, 1, None, True),
        ("traditional", 1, 2, 1, None, False),
        ("traditional", 5, 1, 1, 3, False),
        ("mutual", 1, 2, 1, None, True),
        ("mutual", 2, 1, 1, None, True),
        ("mutual", 2, 2, 0, None, False),
        ("mutual", 1, 5, 1, 3, False),
        ("mutual", 3, 1, 3, None, False),
    ],
)
def test_the_level_gap_is_signed_by_the_direction(
    direction: str, mentor_level: int, mentee_level: int, smallest: int, largest: int | None, allowed: bool
) -> None:
    by = rules(Direction(direction), min_level_gap=smallest, max_level_gap=largest)
    result = found(mentor(level=mentor_level), mentee(level=mentee_level), by)
    assert result == (set() if allowed else {Constraint.LEVEL_GAP})


@pytest.mark.parametrize("depth", [0, 3])
def test_nobody_meets_someone_of_their_reporting_line_at_any_depth(depth: int) -> None:
    boss = mentee()
    line = (*(uuid4() for _ in range(depth)), boss.person_id, uuid4())
    assert found(mentor(managers=line), boss, rules()) == {Constraint.REPORTING_LINE}
    lead = mentor()
    report = mentee(managers=(*(uuid4() for _ in range(depth)), lead.person_id))
    assert found(lead, report, rules()) == {Constraint.REPORTING_LINE}


def test_a_common_language_is_needed_unless_the_policy_says_otherwise() -> None:
    one, other = mentor(languages=("de", "fr")), mentee(languages=("en",))
    assert found(one, other, rules()) == {Constraint.LANGUAGE}
    assert is_eligible(one, other, rules(common_language=False))


def test_regional_forms_of_a_language_are_common() -> None:
    assert is_eligible(mentor(languages=("en-GB",)), mentee(languages=("EN-us",)), rules())


def test_different_departments_are_needed_only_if_the_policy_says_so() -> None:
    one, other = mentor(department="IT"), mentee(department=" it")
    assert is_eligible(one, other, rules())
    assert found(one, other, rules(different_department=True)) == {Constraint.DEPARTMENT}


def test_the_avoid_list_of_either_side_counts() -> None:
    one, other = mentor(), mentee()
    assert found(mentor(avoided=(other.person_id,)), other, rules()) == {Constraint.AVOIDED}
    assert found(one, mentee(avoided=(one.person_id,)), rules()) == {Constraint.AVOIDED}


def test_past_pairs_do_not_meet_again_unless_the_policy_says_so() -> None:
    one, other = mentor(), mentee()
    for pair in ((one.person_id, other.person_id), (other.person_id, one.person_id)):
        past = couples([pair])
        strict = Rules(Direction.REVERSE, MatchingPolicy(), past=past)
        assert found(one, other, strict) == {Constraint.PAST_PAIR}
        assert is_eligible(one, other, Rules(Direction.REVERSE, MatchingPolicy(repeat_past_pairs=True), past=past))


def test_a_couple_offered_in_this_cycle_is_never_offered_again() -> None:
    one, other = mentor(), mentee()
    tried = couples([(other.person_id, one.person_id)])
    by = Rules(Direction.REVERSE, MatchingPolicy(repeat_past_pairs=True), tried=tried)
    assert found(one, other, by) == {Constraint.TRIED_BEFORE}


def test_a_person_without_a_free_place_on_that_side_is_full() -> None:
    assert found(prepare(person(role="mentor"), as_mentor=1), mentee(), rules()) == {Constraint.CAPACITY}
    two = prepare(person(role="mentor", mentor_capacity=2), as_mentor=1)
    assert is_eligible(two, mentee(), rules())
    other_side = prepare(person(role="both"), as_mentee=1)
    assert is_eligible(other_side, mentee(), rules())


def test_roles_decide_who_may_teach_and_learn() -> None:
    assert found(mentor(role="mentee"), mentee(), rules()) == {Constraint.ROLE}
    assert found(mentor(), mentee(role="mentor"), rules()) == {Constraint.ROLE}
    assert is_eligible(mentor(role="both"), mentee(role="both"), rules())


def test_nobody_meets_themselves() -> None:
    alone = prepare(person(person_id=UUID(int=1)))
    assert Constraint.SELF in found(alone, alone, rules(min_level_gap=0))


def test_every_violated_constraint_is_named() -> None:
    one = mentor(level=5, languages=("de",))
    assert found(one, mentee(avoided=(one.person_id,)), rules()) == {
        Constraint.LEVEL_GAP,
        Constraint.LANGUAGE,
        Constraint.AVOIDED,
    }
