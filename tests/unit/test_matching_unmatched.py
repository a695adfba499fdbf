"""Why somebody stayed unmatched: the true reason, and a change that would really have helped."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given

from services.matching.engine.computation import Result, compute
from services.matching.engine.inputs import Inputs
from services.matching.engine.rules.eligibility import Constraint
from services.matching.engine.unmatched import CHANGES, SAYS, Unmatched, UnmatchedReason
from shared.contracts.intake import PoolPerson
from shared.contracts.programs import Direction, MatchingPolicy
from tests.unit.matching_pools import (
    allowed,
    couples,
    forbidding,
    inputs,
    junior,
    juniors,
    only,
    person,
    runs,
    senior,
    seniors,
    with_held,
)
from tests.unit.properties import examples


def reason_of(someone: PoolPerson, result: Result) -> Unmatched:
    [found] = [found for found in result.unmatched if found.person_id == someone.person_id]
    return found


def test_every_constraint_but_oneself_has_words_a_reason_and_a_change() -> None:
    told = set(Constraint) - {Constraint.SELF}
    assert set(SAYS) == told
    assert set(CHANGES) == told - {Constraint.LEVEL_GAP}
    assert told <= {Constraint(reason.value) for reason in UnmatchedReason if reason.value in set(Constraint)}


def test_alone_on_one_side_means_no_counterpart() -> None:
    found = compute(inputs(juniors(3))).unmatched
    assert {(one.reason, one.change) for one in found} == {(UnmatchedReason.NO_COUNTERPART, None)}
    assert found[0].detail == "Nobody enrolled for the other part."


def test_whoever_an_admin_drops_is_told_so_and_is_nobodys_candidate() -> None:
    dropped, mentees = junior(), seniors(2)
    result = compute(inputs([dropped, *mentees], steering={"dropped": [dropped.person_id]}))
    assert reason_of(dropped, result).reason is UnmatchedReason.DROPPED
    assert reason_of(dropped, result).detail == "An admin took this person out of the run."
    assert {reason_of(mentee, result).reason for mentee in mentees} == {UnmatchedReason.NO_COUNTERPART}


BOSS = uuid4()


@pytest.mark.parametrize(
    ("features", "policy", "reason", "says", "change"),
    [
        ({"level": 9}, {}, "level_gap", "outside the level gap", "The other direction of seniority"),
        ({"level": 3}, {}, "level_gap", "outside the level gap", "A smallest level gap of 0 instead of 1"),
        (
            {"level": 2},
            {"min_level_gap": 2},
            "level_gap",
            "outside the level gap",
            "A smallest level gap of 1 instead of 2",
        ),
        (
            {"level": -3},
            {"max_level_gap": 3},
            "level_gap",
            "outside the level gap",
            "A largest level gap of 6 instead of 3",
        ),
        (
            {"level": 4},
            {"min_level_gap": 2},
            "level_gap",
            "outside the level gap",
            "Another level",
        ),
        ({"managers": (BOSS,)}, {}, "same_manager", "under the same manager", "Allowing pairs under the same manager"),
        (
            {"languages": ("xx",)},
            {},
            "language",
            "without a common language",
            "Allowing pairs without a common language, or one more language,",
        ),
        (
            {"department": "Board"},
            {"different_department": True},
            "department",
            "in the same department",
            "Allowing pairs in the same department",
        ),
        (
            {"meeting_windows": ("mon-am",)},
            {"min_common_hours": 5},
            "meeting_windows",
            "with too few common hours",
            "Fewer common hours, or more meeting windows,",
        ),
        (
            {"topics_taught": ()},
            only(topics=1, level_gap=1) | {"objective": "quality_first", "floor": 60},
            "floor",
            "below the policy's floor",
            "A lower floor",
        ),
    ],
)
def test_the_constraint_that_leaves_nobody_is_the_reason(
    features: dict[str, Any], policy: dict[str, Any], reason: str, says: str, change: str
) -> None:
    odd = junior(**features)
    found = reason_of(odd, compute(inputs([odd, *seniors(4, department="Board", managers=(BOSS,))], policy=policy)))
    assert (found.reason, found.candidates) == (UnmatchedReason(reason), 0)
    assert found.blocked == {Constraint(reason): 4}
    assert found.detail == f"Of 4 possible pairs none is allowed (4 {says})."
    assert found.change is not None
    assert found.change.constraint == reason
    assert (found.change.candidates, found.change.free) == (4, 4)
    assert found.change.detail == f"{change} would give 4 candidates, 4 of them with a free place."


@pytest.mark.parametrize("kind", ["reporting_line", "avoided", "past_pair", "tried_before", "forbidden"])
def test_constraints_that_name_single_couples_are_reasons_too(kind: str) -> None:
    [mentee] = seniors(1)
    mentor = junior(
        managers=(mentee.person_id,) if kind == "reporting_line" else (),
        avoided=(mentee.person_id,) if kind == "avoided" else (),
    )
    couple = (mentor.person_id, mentee.person_id)
    run = inputs(
        [mentor, mentee],
        past=[(*couple, 1)] if kind == "past_pair" else [],
        tried=[couple] if kind == "tried_before" else [],
    )
    result = compute(forbidding(run, [couple] if kind == "forbidden" else []))
    for someone in (mentor, mentee):
        found = reason_of(someone, result)
        assert (found.reason, found.blocked) == (UnmatchedReason(kind), {Constraint(kind): 1})
        assert found.change is not None
        change = f"{CHANGES[Constraint(kind)]} would give 1 candidate, 1 of them with a free place."
        assert (found.change.constraint, found.change.detail) == (kind, change)


def test_a_counterpart_without_a_free_place_is_told_as_capacity() -> None:
    [busy], [partner], [late] = juniors(1), seniors(1), seniors(1)
    held = [{"person_id": busy.person_id, "as_mentor": 1}, {"person_id": partner.person_id, "as_mentee": 1}]
    found = reason_of(late, compute(inputs([busy, partner, late], held=held)))
    assert (found.reason, found.blocked) == (UnmatchedReason.CAPACITY, {Constraint.CAPACITY: 1})
    assert found.change is not None
    assert found.change.detail == "One more place on the other side would give 1 candidate."


def test_the_change_is_the_constraint_whose_lifting_alone_gives_most() -> None:
    odd = junior(languages=("de",))
    both_wrong, only_language = seniors(5, level=0), seniors(2)
    found = reason_of(odd, compute(inputs([odd, *both_wrong, *only_language])))
    assert found.reason is UnmatchedReason.LANGUAGE
    assert found.blocked == {Constraint.LANGUAGE: 7, Constraint.LEVEL_GAP: 5}
    assert found.detail == (
        "Of 7 possible pairs none is allowed (5 outside the level gap, 7 without a common language)."
    )
    assert found.change is not None
    assert (found.change.candidates, found.change.free) == (2, 2)


def test_a_candidate_with_a_free_place_is_better_than_many_without() -> None:
    odd = junior(languages=("de",), level=2)
    taken, free = seniors(3), senior(level=2, languages=("de",))
    found = reason_of(odd, compute(inputs([odd, *juniors(3), *taken, free])))
    assert found.reason is UnmatchedReason.LEVEL_GAP
    assert found.change is not None
    assert (found.change.candidates, found.change.free) == (1, 1)
    assert found.blocked == {Constraint.LANGUAGE: 3, Constraint.LEVEL_GAP: 1}


def test_where_no_single_change_helps_the_most_frequent_constraint_is_told() -> None:
    odd = junior(languages=("de",), level=9)
    report = senior(languages=("de", "en"), managers=(odd.person_id,))
    found = reason_of(odd, compute(inputs([odd, *seniors(3), report])))
    assert (found.reason, found.change) == (UnmatchedReason.LEVEL_GAP, None)
    assert found.blocked == {Constraint.LEVEL_GAP: 4, Constraint.LANGUAGE: 3, Constraint.REPORTING_LINE: 1}


def test_of_many_level_gaps_only_those_that_the_change_allows_are_counted() -> None:
    odd = junior(level=4)
    found = reason_of(odd, compute(inputs([odd, senior(level=5), *seniors(5, level=1)], policy={"min_level_gap": 3})))
    assert found.change is not None
    assert (found.change.candidates, found.change.free) == (1, 1)
    assert found.change.detail.startswith("A smallest level gap of 1 instead of 3 would give 1 candidate,")


def test_mutual_pairs_on_one_level_need_another_level_not_another_policy() -> None:
    people = [person(level=2), person(level=2)]
    for smallest in (0, 1):
        run = inputs(people, Direction.MUTUAL, policy={"min_level_gap": smallest})
        found = reason_of(people[0], compute(run))
        assert found.change is not None
        assert found.change.detail.startswith("Another level would give 2 candidates, ")


def test_whoever_had_candidates_learns_that_they_went_to_others() -> None:
    [found] = compute(inputs([*juniors(2), *seniors(1)])).unmatched
    assert (found.reason, found.candidates, found.blocked) == (UnmatchedReason.CANDIDATES_TAKEN, 1, {})
    assert found.detail == "Of 1 possible pairs 1 are allowed; those places went to others."
    assert found.change is not None
    assert (found.change.constraint, found.change.detail) == (
        Constraint.CAPACITY,
        "One more place with this one could be enough.",
    )


def test_whoever_shares_no_topic_with_any_candidate_learns_that() -> None:
    odd = junior(topics_taught=("law",))
    found = reason_of(odd, compute(inputs([odd, *juniors(1), *seniors(1)])))
    assert found.reason is UnmatchedReason.NO_SHARED_TOPIC
    assert "none of them with a shared topic" in found.detail


@pytest.mark.parametrize("floor", [0, 10])
def test_under_quality_first_whoever_meets_no_preference_is_below_any_floor(floor: int) -> None:
    odd = junior(topics_taught=("law",))
    policy = only(topics=1) | {"objective": "quality_first", "floor": floor}
    found = reason_of(odd, compute(inputs([odd, *seniors(2)], policy=policy)))
    assert (found.reason, found.change) == (UnmatchedReason.FLOOR, None)


def test_someone_with_a_live_pair_is_not_called_unmatched() -> None:
    [one], [other] = juniors(1), seniors(1)
    run = with_held(inputs([one, other], tried=[(one.person_id, other.person_id)]), [one.person_id, other.person_id])
    result = compute(run)
    assert (result.pairs, result.unmatched) == ((), ())


# ── A change that is told is true ────────────────────────────────────────────────────────────────────────────────────


def lifted(run: Inputs, constraint: Constraint, someone: UUID) -> Inputs:
    """The same without this constraint; for avoid lists, couples and capacity: without it for this person."""
    policies: dict[Constraint, dict[str, Any]] = {
        Constraint.REPORTING_LINE: {"reporting_line": False},
        Constraint.SAME_MANAGER: {"same_manager": False},
        Constraint.LANGUAGE: {"common_language": False},
        Constraint.DEPARTMENT: {"different_department": False},
        Constraint.MEETING_WINDOWS: {"min_common_hours": 0},
        Constraint.PAST_PAIR: {"repeat_past_pairs": True, "repeat_after_cycles": None},
        Constraint.FLOOR: {"floor": 0},
    }
    policy = run.policy.model_dump() | policies.get(constraint, {})
    fields: dict[str, Any] = {"policy": MatchingPolicy.model_validate(policy)}
    if constraint is Constraint.AVOIDED:
        fields["people"] = tuple(
            one.model_copy(update={"avoided": () if one.person_id == someone else tuple({*one.avoided} - {someone})})
            for one in run.people
        )
    if constraint is Constraint.CAPACITY:
        more = [
            {"mentor_capacity": one.mentor_capacity + 1, "mentee_capacity": one.mentee_capacity + 1}
            for one in run.people
        ]
        fields["people"] = tuple(
            one if one.person_id == someone else one.model_copy(update=places)
            for one, places in zip(run.people, more, strict=True)
        )
    if constraint is Constraint.TRIED_BEFORE:
        fields["tried"] = tuple(couple for couple in run.tried if someone not in couple)
    if constraint is Constraint.FORBIDDEN:
        kept = [two for two in run.steering.forbidden if someone not in (two.mentor_id, two.mentee_id)]
        fields["steering"] = run.steering.model_copy(update={"forbidden": tuple(kept)})
    return run.model_copy(update=fields)


@examples(30)
@given(runs())
def test_a_change_gives_the_candidates_that_it_names_and_a_free_one_surely_a_pair(run: Inputs) -> None:
    before = set(allowed(run))
    for found in compute(run).unmatched:
        change = found.change
        mine = {two for two in before if found.person_id in two}
        assert len(mine) == found.candidates
        if change is None or found.candidates or change.constraint is Constraint.LEVEL_GAP:
            continue
        after = lifted(run, change.constraint, found.person_id)
        new = {two for two in allowed(after) if found.person_id in two}
        assert len(new) >= change.candidates > 0
        if change.free:
            others = [two for two in set(allowed(after)) - before if found.person_id not in two]
            again = compute(forbidding(after, others))
            assert any(found.person_id in two for two in couples(again))


@pytest.mark.parametrize(
    ("level", "policy", "change"),
    [
        (4, {"min_level_gap": 3}, {"min_level_gap": 2}),
        (6, {"min_level_gap": 1}, {"min_level_gap": 0}),
        (1, {"max_level_gap": 2}, {"max_level_gap": 3}),
    ],
)
def test_the_level_gap_that_is_named_is_enough_and_one_less_is_not(
    level: int, policy: dict[str, int], change: dict[str, int]
) -> None:
    """Mentees on the levels 4 and 6, of whom only the nearer one is named."""
    odd, mentees = junior(level=level), [senior(level=4), senior(level=6)]
    found = reason_of(odd, compute(inputs([odd, *mentees], policy=policy)))
    [(field, value)] = change.items()
    name = {"min_level_gap": "smallest", "max_level_gap": "largest"}[field]
    assert found.change is not None
    assert found.change.candidates == 1
    assert found.change.detail.startswith(f"A {name} level gap of {value} instead of {policy[field]} would give 1 ")
    assert len(compute(inputs([odd, *mentees], policy=change)).pairs) == 1


def test_a_turned_program_counts_only_whom_it_would_allow() -> None:
    odd = junior(level=5)
    run = inputs([odd, senior(level=2), senior(level=4)], policy={"min_level_gap": 2})
    found = reason_of(odd, compute(run))
    assert found.change is not None
    assert found.change.detail.startswith("The other direction of seniority would give 1 candidate,")
    assert len(compute(run.model_copy(update={"direction": Direction.TRADITIONAL})).pairs) == 1
