"""A match run is a pure function of its inputs; everyone is in a pair or has a true reason."""

import random
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.matching.computation import Held, Inputs, Result, canonical, compute
from services.matching.eligibility import Constraint
from services.matching.unmatched import Unmatched, UnmatchedReason
from shared.contracts.intake import PoolPerson
from shared.contracts.programs import Direction, MatchingPolicy
from tests.unit.test_matching_eligibility import person

CYCLE = UUID("11111111-1111-4111-8111-111111111111")


def inputs(
    people: list[PoolPerson], *, cycle_id: UUID = CYCLE, policy: MatchingPolicy | None = None, **more: Any
) -> Inputs:
    return canonical(
        Inputs(
            cycle_id=cycle_id,
            direction=more.pop("direction", Direction.REVERSE),
            policy=policy or MatchingPolicy(),
            labels={"ai": "Generative AI"},
            people=tuple(people),
            **more,
        )
    )


def seniors(count: int, **features: Any) -> list[PoolPerson]:
    return [person(**{"role": "mentee", "level": 4, "topics_wanted": ("ai",)} | features) for _ in range(count)]


def juniors(count: int, **features: Any) -> list[PoolPerson]:
    return [person(**{"role": "mentor", "level": 1, "topics_taught": ("ai",)} | features) for _ in range(count)]


def reason_of(someone: PoolPerson, result: Result) -> Unmatched:
    return next(found for found in result.unmatched if found.person_id == someone.person_id)


def couples(result: Result) -> set[tuple[UUID, UUID]]:
    return {(pair.mentor_id, pair.mentee_id) for pair in result.pairs}


def test_everyone_is_in_a_pair_or_has_a_reason() -> None:
    people = [*juniors(5), *seniors(3), *juniors(2, languages=("xx",)), *seniors(2, level=0)]
    result = compute(inputs(people))
    paired = {one for pair in couples(result) for one in pair}
    assert len(result.pairs) == 3
    assert paired | {found.person_id for found in result.unmatched} == {one.person_id for one in people}
    assert paired.isdisjoint({found.person_id for found in result.unmatched})
    assert (result.mentors, result.mentees) == (7, 5)


def test_the_result_does_not_depend_on_the_order_of_reading() -> None:
    people = [*juniors(6), *seniors(4)]
    shuffled = random.Random(1).sample(people, len(people))
    one, other = inputs(people), inputs(shuffled)
    assert one.hash() == other.hash()
    assert compute(one) == compute(other)


def test_a_change_of_any_feature_changes_the_hash() -> None:
    people = [*juniors(1), *seniors(1)]
    before = inputs(people).hash()
    assert inputs([people[0].model_copy(update={"level": 2}), people[1]]).hash() != before
    assert inputs(people, policy=MatchingPolicy(min_level_gap=2)).hash() != before
    assert inputs(people, cycle_id=uuid4()).hash() != before


def test_between_equals_the_lowest_id_is_not_favoured() -> None:
    """Ten equal mentors for one mentee: over many cycles each has its turn."""
    people = [*juniors(10), *seniors(1)]
    winners = {next(iter(couples(compute(inputs(people, cycle_id=UUID(int=n))))))[0] for n in range(60)}
    assert len(winners) >= 8


def test_a_run_can_be_replayed_from_its_stored_inputs() -> None:
    original = inputs([*juniors(4), *seniors(3)])
    assert compute(Inputs.model_validate_json(original.model_dump_json())) == compute(original)


def test_places_taken_by_earlier_pairs_are_not_given_again() -> None:
    mentors, mentees = juniors(2), seniors(2)
    standing = (mentors[0].person_id, mentees[0].person_id)
    held = (Held(person_id=standing[0], as_mentor=1), Held(person_id=standing[1], as_mentee=1))
    result = compute(inputs([*mentors, *mentees], held=held, tried=(standing,)))
    assert couples(result) == {(mentors[1].person_id, mentees[1].person_id)}
    assert result.unmatched == ()


def test_a_declined_couple_is_not_proposed_again_and_both_may_meet_others() -> None:
    mentors, mentees = juniors(2), seniors(2)
    declined = (mentors[0].person_id, mentees[0].person_id)
    result = compute(inputs([*mentors, *mentees], tried=(declined,)))
    assert couples(result) == {
        (mentors[0].person_id, mentees[1].person_id),
        (mentors[1].person_id, mentees[0].person_id),
    }


def test_reasons_and_contributions_come_with_every_pair() -> None:
    [pair] = compute(inputs([*juniors(1), *seniors(1)])).pairs
    assert pair.points == sum(pair.contributions.values()) > 0
    assert pair.topics == ("ai",)
    assert "The mentor teaches what the mentee wants to learn: Generative AI." in pair.reasons


def test_an_empty_pool_gives_an_empty_run() -> None:
    assert compute(inputs([])) == Result(pairs=(), unmatched=(), mentors=0, mentees=0, optimal=True)


def test_alone_on_one_side_means_no_counterpart() -> None:
    people = juniors(3)
    result = compute(inputs(people))
    assert {found.reason for found in result.unmatched} == {UnmatchedReason.NO_COUNTERPART}


@pytest.mark.parametrize(
    ("features", "policy", "reason"),
    [
        ({"level": 9}, {}, UnmatchedReason.LEVEL_GAP),
        ({"languages": ("xx",)}, {}, UnmatchedReason.LANGUAGE),
        ({"department": "Board"}, {"different_department": True}, UnmatchedReason.DEPARTMENT),
    ],
)
def test_the_constraint_that_leaves_nobody_is_the_reason(
    features: dict[str, Any], policy: dict[str, Any], reason: UnmatchedReason
) -> None:
    odd = person(**{"role": "mentor", "level": 1} | features)
    result = compute(inputs([odd, *seniors(4, department="Board")], policy=MatchingPolicy(**policy)))
    found = reason_of(odd, result)
    assert (found.reason, found.candidates) == (reason, 0)
    assert found.blocked == {Constraint(reason.value): 4}
    assert found.detail.startswith("Of 4 possible pairs none is allowed (4 ")


def test_the_reason_is_the_constraint_whose_lifting_alone_gives_most() -> None:
    odd = person(role="mentor", level=1, languages=("de",))
    both_wrong = seniors(5, level=0)
    only_language = seniors(2)
    found = reason_of(odd, compute(inputs([odd, *both_wrong, *only_language])))
    assert found.reason is UnmatchedReason.LANGUAGE
    assert found.blocked == {Constraint.LANGUAGE: 7, Constraint.LEVEL_GAP: 5}


def test_whoever_had_candidates_learns_that_they_went_to_others() -> None:
    people = [*juniors(2), *seniors(1)]
    [found] = compute(inputs(people)).unmatched
    assert (found.reason, found.candidates, found.blocked) == (UnmatchedReason.CANDIDATES_TAKEN, 1, {})


def test_whoever_shares_no_topic_with_any_candidate_learns_that() -> None:
    odd = person(role="mentor", level=1, topics_taught=("law",))
    result = compute(inputs([odd, *juniors(1), *seniors(1)]))
    assert reason_of(odd, result).reason is UnmatchedReason.NO_SHARED_TOPIC


def test_someone_with_a_live_pair_is_not_called_unmatched() -> None:
    [one], [other] = juniors(1), seniors(1)
    held = (Held(person_id=one.person_id, as_mentor=1), Held(person_id=other.person_id, as_mentee=1))
    result = compute(inputs([one, other], held=held, tried=((one.person_id, other.person_id),)))
    assert (result.pairs, result.unmatched) == ((), ())


def test_a_counterpart_without_a_free_place_is_told_as_capacity() -> None:
    [busy], [partner], [late] = juniors(1), seniors(1), seniors(1)
    held = (Held(person_id=busy.person_id, as_mentor=1), Held(person_id=partner.person_id, as_mentee=1))
    result = compute(inputs([busy, partner, late], held=held))
    assert reason_of(late, result).reason is UnmatchedReason.CAPACITY


def test_mutual_pairs_join_people_of_both_roles_once() -> None:
    people = [person(role="both", level=level) for level in (1, 2, 3, 4)]
    result = compute(inputs(people, direction=Direction.MUTUAL))
    unordered = [frozenset(pair) for pair in couples(result)]
    assert len(unordered) == len(set(unordered))
    assert result.unmatched == ()
