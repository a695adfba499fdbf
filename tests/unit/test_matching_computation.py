"""A match run is a pure function of its inputs; everyone is in a pair or has a true reason."""

import random
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.engine.computation import Result, compute
from services.matching.engine.inputs import Held, Inputs, canonical, seeded, week_of
from services.matching.engine.reasons import Origin
from services.matching.engine.steering import HandMadePair, PersonCouple, Steering
from shared.contracts.intake import PoolPerson
from shared.contracts.programs import Direction, MatchingPolicy, Weights
from tests.unit.matching_pools import couples, crowd, inputs, junior, juniors, only, person, runs, senior, seniors
from tests.unit.properties import examples

SOMEBODY = UUID(int=77)


def test_everyone_is_in_a_pair_or_has_a_reason() -> None:
    people = [*juniors(5), *seniors(3), *juniors(2, languages=("xx",)), *seniors(2, level=0)]
    result = compute(inputs(people))
    paired = {one for pair in couples(result) for one in pair}
    assert len(result.pairs) == 3
    assert paired | {found.person_id for found in result.unmatched} == {one.person_id for one in people}
    assert paired.isdisjoint({found.person_id for found in result.unmatched})
    assert (result.mentors, result.mentees) == (7, 5)


@examples(12)
@given(runs())
def test_nobody_is_told_twice_or_forgotten(run: Inputs) -> None:
    result = compute(run)
    paired = {one for pair in couples(result) for one in pair}
    standing = {held.person_id for held in run.held}
    left = [found.person_id for found in result.unmatched]
    assert sorted(left) == sorted({one.person_id for one in run.people} - paired - standing)


def test_an_empty_pool_gives_an_empty_run() -> None:
    result = compute(inputs([]))
    assert (result.pairs, result.unmatched, result.supply, result.certified) == ((), (), (), True)
    assert (result.mentors, result.mentees) == (0, 0)


# ── The same inputs, and the same result ─────────────────────────────────────────────────────────────────────────────


def test_a_run_can_be_replayed_from_its_stored_inputs() -> None:
    original = inputs(crowd(30, seed=1), waited=[crowd(30, seed=1)[0].person_id], policy={"min_common_hours": 1})
    stored = Inputs.model_validate_json(original.model_dump_json())
    assert stored.hash() == original.hash()
    assert compute(stored) == compute(original)


@pytest.mark.parametrize("roles", [("mentor", "mentee"), ("both",)])
def test_the_same_inputs_give_the_same_result_though_all_are_equal(roles: tuple[str, ...]) -> None:
    people = [person(role=roles[number % len(roles)], level=1 + number % 2 * 2) for number in range(16)]
    assert compute(inputs(people)) == compute(inputs(people))


def test_the_order_of_reading_changes_neither_hash_nor_result() -> None:
    people = crowd(40, seed=4, roles=("mentor", "mentee", "both"))
    ids = [one.person_id for one in people]
    facts: dict[str, Any] = {
        "held": [{"person_id": one, "as_mentee": 1} for one in ids[3:8]],
        "past": [(ids[1], ids[2], 1), (ids[4], ids[3], 2), (ids[2], ids[1], 3)],
        "tried": [(ids[5], ids[6]), (ids[8], ids[7])],
        "waited": ids[10:15],
    }
    one = inputs(people, **facts)
    for seed in range(3):
        mixed = random.Random(seed)
        shuffled: dict[str, Any] = {name: mixed.sample(values, len(values)) for name, values in facts.items()}
        shuffled["tried"] = [(other, this) for this, other in shuffled["tried"]]
        labels = dict(reversed(one.labels.items()))
        other = inputs(mixed.sample(people, len(people)), **shuffled, labels=labels)
        assert other.hash() == one.hash()
        assert compute(other) == compute(one)


def test_the_order_of_what_is_a_set_changes_neither_hash_nor_seed_nor_result() -> None:
    features: dict[str, Any] = {
        "languages": ("en", "de"),
        "topics_taught": ("ai", "data"),
        "taught_levels": {"ai": 1, "data": 2},
        "meeting_windows": ("mon-am", "tue-pm"),
        "avoided": (UUID(int=8), UUID(int=9)),
    }
    turned = {name: reverse(value) for name, value in features.items()}
    others = [senior(person_id=UUID(int=2), topics_wanted=("data", "ai")), senior(person_id=UUID(int=3))]
    one, other = (inputs([junior(person_id=UUID(int=1), **own), *others]) for own in (features, turned))
    assert other.hash() == one.hash()
    assert seeded(other, None) == seeded(one, None)
    assert compute(other) == compute(one)


def reverse(value: Any) -> Any:
    return dict(reversed(value.items())) if isinstance(value, dict) else tuple(reversed(value))


@pytest.mark.parametrize("field", ["topics_wanted", "preferred", "managers"])
def test_an_order_that_means_something_is_kept(field: str) -> None:
    values = ("ai", "data") if field == "topics_wanted" else (UUID(int=8), UUID(int=9))
    one, other = (inputs([person(**{"person_id": SOMEBODY, field: own})]) for own in (values, values[::-1]))
    assert one.hash() != other.hash()


def test_a_seed_is_a_uuid_or_made_of_a_text_or_of_all_other_inputs_but_the_week() -> None:
    run = inputs([ONE, OTHER])
    assert seeded(run, str(SOMEBODY)).cycle_id == SOMEBODY
    assert seeded(run, "spring").cycle_id == seeded(inputs([]), "spring").cycle_id != seeded(run, "autumn").cycle_id
    later = run.model_copy(update={"week": date(2025, 7, 7), "cycle_id": SOMEBODY})
    assert seeded(later, None).cycle_id == seeded(run, None).cycle_id != seeded(inputs([ONE]), None).cycle_id


def test_the_week_of_a_day_begins_on_its_monday() -> None:
    days = [date(2026, 11, 23), date(2026, 11, 29), date(2026, 11, 30)]
    assert [week_of(day) for day in days] == [date(2026, 11, 23), date(2026, 11, 23), date(2026, 11, 30)]


def test_of_a_past_couple_the_latest_cycle_counts_and_strangers_are_dropped() -> None:
    one, other = junior(), senior()
    two = (min(one.person_id, other.person_id), max(one.person_id, other.person_id))
    past = [(*two, 3), (two[1], two[0], 1), (*two, 2), (two[0], uuid4(), 1)]
    found = inputs([one, other], past=past, tried=[(uuid4(), two[0])], waited=[two[0], uuid4()])
    assert (found.past, found.tried, found.waited) == (((*two, 1),), (), (two[0],))


def test_canonical_inputs_are_canonical() -> None:
    found = inputs(crowd(12, seed=3))
    assert canonical(found) == found


CHANGED_PERSON = {
    "role": "mentee",
    "level": 2,
    "department": "Law",
    "location": "Pune",
    "time_zone": "Asia/Kolkata",
    "managers": (SOMEBODY,),
    "languages": ("en", "de"),
    "topics_taught": ("data",),
    "taught_levels": {"ai": 1},
    "topics_wanted": ("law",),
    "mentor_capacity": 2,
    "mentee_capacity": 2,
    "meeting_windows": ("mon-am",),
    "preferred": (SOMEBODY,),
    "avoided": (SOMEBODY,),
    "person_id": SOMEBODY,
}
CHANGED_POLICY = {
    "objective": "quality_first",
    "min_level_gap": 0,
    "max_level_gap": 4,
    "target_level_gap": 3,
    "reporting_line": False,
    "same_manager": False,
    "different_department": True,
    "common_language": False,
    "min_common_hours": 2,
    "repeat_past_pairs": True,
    "repeat_after_cycles": 2,
    "location": "different",
    **{f"weights.{name}": 9 for name in Weights.model_fields},
}
ONE, OTHER = junior(person_id=UUID(int=1)), senior(person_id=UUID(int=2))
COUPLE = PersonCouple(mentor_id=ONE.person_id, mentee_id=OTHER.person_id)
CHANGED_INPUTS = {
    "cycle_id": SOMEBODY,
    "direction": Direction.MUTUAL,
    "labels": {"ai": "AI"},
    "week": date(2025, 7, 7),
    "held": (Held(person_id=ONE.person_id, as_mentor=1),),
    "past": ((ONE.person_id, OTHER.person_id, 1),),
    "tried": ((ONE.person_id, OTHER.person_id),),
    "waited": (ONE.person_id,),
}
CHANGED_STEERING = {
    "pins": (COUPLE,),
    "forbidden": (COUPLE,),
    "by_hand": (HandMadePair(mentor_id=ONE.person_id, mentee_id=OTHER.person_id, override_reason="asked for it"),),
    "dropped": (ONE.person_id,),
    "policy": MatchingPolicy(),
}


def test_every_field_has_a_change_in_the_tests_below() -> None:
    assert set(CHANGED_PERSON) == set(PoolPerson.model_fields)
    weights = {f"weights.{name}" for name in Weights.model_fields}
    assert set(CHANGED_POLICY) | {"floor", "weights"} == set(MatchingPolicy.model_fields) | weights
    assert set(CHANGED_STEERING) == set(Steering.model_fields)
    assert set(CHANGED_INPUTS) | {"people", "policy", "steering"} == set(Inputs.model_fields)


def hashes_differ(changed: Inputs) -> bool:
    return changed.hash() != inputs([ONE, OTHER]).hash()


@pytest.mark.parametrize("field", CHANGED_PERSON)
def test_a_change_of_any_feature_of_a_person_changes_the_hash(field: str) -> None:
    assert hashes_differ(inputs([person(**ONE.model_dump() | {field: CHANGED_PERSON[field]}), OTHER]))


@pytest.mark.parametrize("field", CHANGED_POLICY)
def test_a_change_of_any_field_of_the_policy_changes_the_hash(field: str) -> None:
    name, _, weight = field.partition(".")
    assert hashes_differ(inputs([ONE, OTHER], policy={name: {weight: 9} if weight else CHANGED_POLICY[field]}))


def test_a_change_of_the_floor_changes_the_hash() -> None:
    found = [inputs([ONE], policy={"objective": "quality_first", "floor": floor}).hash() for floor in (0, 1)]
    assert found[0] != found[1]


@pytest.mark.parametrize("field", CHANGED_INPUTS)
def test_a_change_of_any_other_input_changes_the_hash(field: str) -> None:
    assert hashes_differ(canonical(inputs([ONE, OTHER]).model_copy(update={field: CHANGED_INPUTS[field]})))


@pytest.mark.parametrize("field", CHANGED_STEERING)
def test_a_change_of_the_steering_changes_the_hash(field: str) -> None:
    assert hashes_differ(inputs([ONE, OTHER], steering={field: CHANGED_STEERING[field]}))


def test_another_version_of_the_code_changes_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    run = inputs([ONE, OTHER])
    before = run.hash()
    monkeypatch.setattr("services.matching.engine.inputs.CODE_VERSION", "next")
    assert run.hash() != before


# ── What must not matter ─────────────────────────────────────────────────────────────────────────────────────────────


def of(result: Result) -> tuple[int, int]:
    return result.total.people, result.total.points


@examples(12)
@given(runs(), st.integers(2, 5))
def test_scaling_all_weights_scales_the_total_and_changes_no_pair(run: Inputs, factor: int) -> None:
    small = {name: min(value, 10 // factor) for name, value in run.policy.weights.model_dump().items()}
    results = []
    for by in (1, factor):
        weights = Weights(**{name: value * by for name, value in small.items()})
        policy = run.policy.model_copy(update={"weights": weights})
        results.append(compute(run.model_copy(update={"policy": policy})))
    before, after = results
    assert (after.total.people, after.total.points) == (before.total.people, before.total.points * factor)


@examples(12)
@given(runs(), st.integers(1, 10**6))
def test_new_ids_for_everyone_change_neither_coverage_nor_total(run: Inputs, start: int) -> None:
    new = {str(one.person_id): str(UUID(int=start * 31 % 10**6 + 100 - n)) for n, one in enumerate(run.people)}
    text = run.model_dump_json()
    for old in new:
        text = text.replace(old, f"<{new[old]}>")
    renamed = Inputs.model_validate_json(text.replace("<", "").replace(">", ""))
    assert of(compute(canonical(renamed))) == of(compute(run))


@examples(12)
@given(runs())
def test_one_more_person_who_may_meet_nobody_changes_neither_coverage_nor_total(run: Inputs) -> None:
    odd = person(level=3, topics_taught=("new",), topics_wanted=("ai",), avoided=[one.person_id for one in run.people])
    more = canonical(run.model_copy(update={"people": (*run.people, odd)}))
    assert of(compute(more)) == of(compute(run))


def unique_optimum() -> list[PoolPerson]:
    """Points are such that there is one best choice: each mentee wishes for another mentor most."""
    mentors = juniors(6)
    return [*mentors, *(senior(preferred=(mentor.person_id,), level=3) for mentor in mentors)]


def test_whoever_is_matched_stays_so_when_weights_are_scaled_or_others_join() -> None:
    people = unique_optimum()
    before = couples(compute(inputs(people, policy=only(wishes=2, topics=1))))
    assert before == {(one.preferred[0], one.person_id) for one in people[6:]}
    strangers = [*juniors(3, languages=("xx",)), *seniors(3, level=0)]
    assert couples(compute(inputs(people, policy=only(wishes=10, topics=5)))) == before
    assert couples(compute(inputs([*strangers, *people], policy=only(wishes=2, topics=1)))) == before
    assert couples(compute(inputs(people, policy=only(wishes=2, topics=1), cycle_id=uuid4()))) == before


def test_between_equals_nobody_is_favoured() -> None:
    """Ten equal mentors for one mentee: over many cycles each has its turn."""
    people = [
        *(junior(person_id=UUID(int=number)) for number in range(1, 11)),
        senior(person_id=UUID(int=99)),
    ]
    winners = {next(iter(couples(compute(inputs(people, cycle_id=UUID(int=n))))))[0] for n in range(80)}
    assert winners == {UUID(int=number) for number in range(1, 11)}


# ── Pairs that stand, and steering ───────────────────────────────────────────────────────────────────────────────────


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


def test_pins_and_pairs_by_hand_stand_and_others_are_matched_around_them() -> None:
    mentors, mentees = juniors(3), [*seniors(2), senior(languages=("xx",))]
    pin = {"mentor_id": mentors[0].person_id, "mentee_id": mentees[0].person_id}
    by_hand = {"mentor_id": mentors[1].person_id, "mentee_id": mentees[2].person_id, "override_reason": "interpreter"}
    result = compute(inputs([*mentors, *mentees], steering={"pins": [pin], "by_hand": [by_hand]}))
    assert {(pair.mentor_id, pair.mentee_id): pair.origin for pair in result.pairs} == {
        (mentors[0].person_id, mentees[0].person_id): Origin.PINNED,
        (mentors[1].person_id, mentees[2].person_id): Origin.BY_HAND,
        (mentors[2].person_id, mentees[1].person_id): Origin.MATCHED,
    }
    assert result.total.people == 2
    assert result.unmatched == ()


@pytest.mark.parametrize("kind", ["pins", "by_hand"])
def test_a_fixed_pair_is_not_made_twice_and_leaves_the_other_places_of_both_free(kind: str) -> None:
    mentor, mentees = junior(mentor_capacity=3), seniors(2, mentee_capacity=2)
    fixed = {"mentor_id": mentor.person_id, "mentee_id": mentees[0].person_id}
    result = compute(inputs([mentor, *mentees], steering={kind: [fixed]}))
    assert len(result.pairs) == 2
    assert couples(result) == {(mentor.person_id, mentee.person_id) for mentee in mentees}


def test_whoever_is_dropped_is_not_matched() -> None:
    mentors, mentees = juniors(2), seniors(1)
    result = compute(inputs([*mentors, *mentees], steering={"dropped": [mentors[0].person_id]}))
    assert couples(result) == {(mentors[1].person_id, mentees[0].person_id)}


def test_the_policy_of_the_steering_replaces_the_programs() -> None:
    people = [*juniors(1), *seniors(1, languages=("xx",))]
    run = inputs(people, steering={"policy": {"common_language": False}})
    assert len(compute(run).pairs) == 1
    assert compute(inputs(people)).pairs == ()


def test_mutual_pairs_join_people_of_both_roles_once() -> None:
    people = [person(role="both", level=level) for level in (1, 2, 3, 4)]
    result = compute(inputs(people, Direction.MUTUAL))
    unordered = [frozenset(pair) for pair in couples(result)]
    assert len(unordered) == len(set(unordered))
    assert result.unmatched == ()


def test_it_tells_that_it_is_alive_while_it_computes() -> None:
    beats: list[None] = []
    compute(inputs(crowd(30, seed=1)), lambda: beats.append(None))
    assert len(beats) >= 3


def test_whoever_stops_it_is_obeyed() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute(inputs(crowd(30, seed=1)), stop)
