"""Why two people are a pair: points that add up, sentences that are true, and what other partners would cost."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.engine import alternatives
from services.matching.engine.alternatives import Alternative
from services.matching.engine.computation import Result, compute
from services.matching.engine.inputs import Inputs
from services.matching.engine.reasons import Origin, ProposedPair
from services.matching.engine.steering import PersonCouple
from shared.contracts.matching import Side
from shared.contracts.programs import Direction
from shared.language.reasons import sentences
from shared.language.words import words_of
from tests.unit.matching_pools import (
    allowed,
    couples,
    crowd,
    in_a_pair,
    inputs,
    junior,
    juniors,
    only,
    person,
    pin,
    runs,
    senior,
    seniors,
)
from tests.unit.properties import examples


def reasons(
    preference: str, mentor: dict[str, Any], mentee: dict[str, Any], direction: str = "reverse", **policy: Any
) -> tuple[str, ...]:
    """What is said of the pair of these two when one preference alone has a weight."""
    one, other = junior(person_id=UUID(int=1), **mentor), senior(person_id=UUID(int=2), **mentee)
    waited = [UUID(int=1)] if preference == "waited" else []
    run = inputs([one, other], Direction(direction), policy=only(**{preference: 1}) | policy, waited=waited)
    [pair] = compute(run).pairs
    return told(pair)


def told(pair: ProposedPair) -> tuple[str, ...]:
    """The reasons of a pair in English."""
    return sentences(pair.reasons, words_of("en"))


@pytest.mark.parametrize(
    ("preference", "mentor", "mentee", "sentence"),
    [
        ("topics", {}, {}, "The mentor teaches Generative AI (expert), the mentee's first choice."),
        (
            "topics",
            {"topics_taught": ("data", "ai"), "taught_levels": {"data": 1, "ai": 2}},
            {"topics_wanted": ("ai", "law", "data")},
            "The mentor teaches Generative AI (good), the mentee's first choice; "
            "Data literacy (basics), the mentee's third choice.",
        ),
        (
            "topics",
            {"topics_taught": ("tax",)},
            {"topics_wanted": ("tax",)},
            "The mentor teaches tax (expert), the mentee's first choice.",
        ),
        ("cross_functional", {}, {}, "From different departments."),
        ("meeting_windows", {}, {}, "40 shared hours a week, on Mon, Tue, Wed, Thu and Fri."),
        ("meeting_windows", {"meeting_windows": ("tue-am", "thu-pm")}, {}, "8 shared hours a week, on Tue and Thu."),
        (
            "meeting_windows",
            {"meeting_windows": ("fri-am",)},
            {"time_zone": "Asia/Dubai"},
            "3 shared hours a week, on Fri.",
        ),
        (
            "meeting_windows",
            {"meeting_windows": ("mon-am",)},
            {"meeting_windows": ("mon-pm",), "time_zone": "Asia/Dubai"},
            "2 shared hours a week, on Mon.",
        ),
        (
            "meeting_windows",
            {"time_zone": "Pacific/Auckland", "meeting_windows": ("mon-am", "fri-am")},
            {"time_zone": "Pacific/Auckland", "meeting_windows": ("mon-am", "fri-am")},
            "8 shared hours a week, on Mon and Fri.",
        ),
        (
            "meeting_windows",
            {"time_zone": "Pacific/Auckland", "meeting_windows": ("tue-am", "fri-am")},
            {"time_zone": "Pacific/Honolulu"},
            "6 shared hours a week, on Tue and Fri for the mentor and on Mon and Thu for the mentee.",
        ),
        ("wishes", {"preferred": (UUID(int=2),)}, {}, "The mentee is the mentor's first wish."),
        ("wishes", {}, {"preferred": (UUID(int=8), UUID(int=1))}, "The mentor is the mentee's second wish."),
        ("level_gap", {}, {}, "2 levels apart."),
        ("level_gap", {}, {"level": 2}, "1 level apart."),
        ("location", {"location": "Pune"}, {"location": "pune "}, "At the same location."),
        ("waited", {}, {}, "The mentor found no partner in an earlier cycle."),
    ],
)
def test_each_preference_is_told_in_a_sentence(
    preference: str, mentor: dict[str, Any], mentee: dict[str, Any], sentence: str
) -> None:
    assert reasons(preference, mentor, mentee) == (sentence,)


def test_a_different_location_is_told_when_it_is_wanted() -> None:
    assert reasons("location", {"location": "Pune"}, {"location": "Rome"}, location="different") == (
        "At different locations.",
    )


def test_a_mutual_pair_is_told_both_ways() -> None:
    teaches = {"topics_taught": ("data",), "taught_levels": {"data": 2}}
    assert reasons("topics", {"topics_wanted": ("data",)}, teaches, "mutual") == (
        "The mentor teaches Generative AI (expert), the mentee's first choice.",
        "The mentee teaches Data literacy (good), the mentor's first choice.",
    )


@pytest.mark.parametrize(
    ("preference", "mentor", "mentee"),
    [
        ("topics", {"topics_taught": ("law",)}, {}),
        ("cross_functional", {"department": "Sales"}, {}),
        ("cross_functional", {"department": ""}, {}),
        ("meeting_windows", {"meeting_windows": ("mon-am",)}, {"meeting_windows": ("mon-pm",)}),
        ("wishes", {}, {}),
        ("location", {"location": ""}, {"location": ""}),
        ("location", {"location": "Pune"}, {"location": "Rome"}),
    ],
)
def test_nothing_is_told_that_is_not_so(preference: str, mentor: dict[str, Any], mentee: dict[str, Any]) -> None:
    assert reasons(preference, mentor, mentee) == ()


def test_what_gives_most_points_is_told_first_and_all_points_are_told() -> None:
    mentor = junior(topics_taught=("data",))
    mentee = senior(topics_wanted=("ai", "data"), preferred=(mentor.person_id,))
    [pair] = compute(inputs([mentor, mentee])).pairs
    assert pair.contributions == {
        "topics": 3320,
        "cross_functional": 3000,
        "meeting_windows": 3000,
        "wishes": 2500,
        "level_gap": 2000,
        "location": 0,
        "waited": 0,
    }
    assert pair.points == 13_820
    assert pair.topics == ("data",)
    assert told(pair) == (
        "The mentor teaches Data literacy (expert), the mentee's second choice.",
        "From different departments.",
        "40 shared hours a week, on Mon, Tue, Wed, Thu and Fri.",
        "The mentor is the mentee's first wish.",
        "2 levels apart.",
    )


@examples(15)
@given(runs())
def test_points_add_up_and_every_preference_with_points_has_a_reason(run: Inputs) -> None:
    points = allowed(run)
    for pair in compute(run).pairs:
        assert pair.points == sum(pair.contributions.values())
        assert pair.points == points.get((pair.mentor_id, pair.mentee_id), pair.points)
        assert len(pair.reasons) >= sum(value > 0 for value in pair.contributions.values())
        assert bool(pair.reasons) is (pair.points > 0)


def test_pinned_pairs_and_pairs_by_hand_have_reasons_and_an_origin_too() -> None:
    mentors, mentees = juniors(2), [senior(), senior(languages=("xx",), topics_wanted=())]
    pins = [{"mentor_id": mentors[0].person_id, "mentee_id": mentees[0].person_id}]
    by_hand = [{"mentor_id": mentors[1].person_id, "mentee_id": mentees[1].person_id, "override_reason": "asked"}]
    pairs = compute(inputs([*mentors, *mentees], steering={"pins": pins, "by_hand": by_hand})).pairs
    found = {pair.origin: pair for pair in pairs}
    assert "The mentor teaches Generative AI (expert), the mentee's first choice." in told(found[Origin.PINNED])
    assert told(found[Origin.BY_HAND])[0] == "From different departments."
    assert found[Origin.BY_HAND].topics == ()


# ── Alternatives ─────────────────────────────────────────────────────────────────────────────────────────────────────


def couple_of(pair: ProposedPair, other: Alternative) -> tuple[UUID, UUID]:
    return (pair.mentor_id, other.person_id) if other.side is Side.MENTOR else (other.person_id, pair.mentee_id)


def totals(run: Inputs, result: Result) -> tuple[int, int]:
    """People and points of all pairs, pins as well."""
    people = {one for pair in couples(result) for one in pair} - {held.person_id for held in run.held}
    return len(people), sum(pair.points for pair in result.pairs)


def check_alternatives(run: Inputs, most: int = 99) -> list[bool]:
    """Holds what is told of alternatives against the run solved again with that couple pinned; tells which were exact.
    Those that are not exact never tell more than is lost."""
    result = compute(run)
    people, points = totals(run, result)
    may = allowed(run)
    told = [(pair, other) for pair in result.pairs for other in pair.alternatives][:most]
    for pair, other in told:
        couple = couple_of(pair, other)
        assert couple not in couples(result)
        assert may[couple] == other.points
        forced = pin(run, couple)
        people_then, points_then = totals(forced, compute(forced))
        lost = people - people_then if run.policy.objective == "coverage_first" else 0
        if other.exact:
            assert other.people == lost
            assert other.costs == (0 if lost else points - points_then)
        else:
            assert other.people <= lost
            assert other.costs <= points - points_then or lost
        check_words(run, result, other)
    return [other.exact for _, other in told]


def check_words(run: Inputs, result: Result, other: Alternative) -> None:
    """The partners are those that the person has in that part; who is in any pair at all is told as such."""
    own, others = (1, 0) if other.side is Side.MENTOR else (0, 1)
    assert set(other.partners) == {two[others] for two in couples(result) if two[own] == other.person_id}
    busy = other.person_id in in_a_pair(run) or any(other.person_id in two for two in couples(result))
    assert other.detail.startswith("Is in another pair; " if busy else "Has no pair; ")


@examples(15)
@given(runs(most=6, both=False), st.booleans())
def test_forcing_an_alternative_costs_what_is_told(run: Inputs, small: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alternatives, "EXACT_UP_TO", 200 if small else 0)
        assert all(exact is small for exact in check_alternatives(run, most=5))


@examples(15)
@given(runs(most=6))
def test_with_people_in_both_parts_too(run: Inputs) -> None:
    check_alternatives(run, most=5)


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("objective", ["coverage_first", "quality_first"])
@pytest.mark.parametrize(
    ("direction", "roles"),
    [
        (Direction.REVERSE, ("mentor", "mentee")),
        (Direction.REVERSE, ("mentor", "mentee", "both")),
        (Direction.MUTUAL, ("both",)),
    ],
)
def test_the_costs_of_a_larger_pool_hold_as_well(
    monkeypatch: pytest.MonkeyPatch, objective: str, direction: Direction, roles: tuple[str, ...], small: bool
) -> None:
    monkeypatch.setattr(alternatives, "EXACT_UP_TO", 200 if small else 0)
    run = inputs(crowd(20, 6, roles, capacity=2), direction, policy={"objective": objective})
    assert len(check_alternatives(run, most=12)) == 12


def only_alternative(run: Inputs, side: Side) -> Alternative:
    [pair] = compute(run).pairs
    [found] = [other for other in pair.alternatives if other.side == side]
    return found


def test_a_mentor_without_a_pair_is_told_with_the_points_that_would_be_lost() -> None:
    better, worse, mentee = junior(), junior(topics_taught=()), senior()
    found = only_alternative(inputs([better, worse, mentee]), Side.MENTEE)
    assert found == Alternative(
        side=Side.MENTEE,
        person_id=worse.person_id,
        points=8000,
        partners=(),
        people=0,
        costs=10_000,
        exact=True,
        detail="Has no pair; forcing this one would lower the total by 10000 points.",
    )


def test_an_equally_good_alternative_is_told_as_such() -> None:
    found = only_alternative(inputs([*juniors(2), *seniors(1)]), Side.MENTEE)
    assert (found.people, found.costs) == (0, 0)
    assert found.detail == "Has no pair; this one is equally good."


def test_in_a_larger_pool_a_cost_is_told_as_the_least_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alternatives, "EXACT_UP_TO", 1)
    run = inputs([*juniors(2), *(junior(topics_taught=()) for _ in range(2)), *seniors(2)])
    details = {other.detail for pair in compute(run).pairs for other in pair.alternatives}
    assert details
    assert not any("lower the total by 1" in detail or " is equally good" in detail for detail in details)


def test_an_alternative_that_would_leave_someone_alone_says_how_many() -> None:
    """Only one of two mentors speaks with the second mentee: the first mentee cannot have that one."""
    both_tongues, one_tongue = junior(languages=("en", "de")), junior()
    mentees = [senior(preferred=(both_tongues.person_id,)), senior(languages=("de",))]
    pairs = compute(inputs([both_tongues, one_tongue, *mentees])).pairs
    [pair] = [pair for pair in pairs if pair.mentor_id == one_tongue.person_id]
    [found] = [other for other in pair.alternatives if other.side is Side.MENTEE]
    assert (found.person_id, found.partners) == (both_tongues.person_id, (mentees[1].person_id,))
    assert (found.people, found.costs) == (2, 0)
    assert found.detail == "Is in another pair; forcing this one would leave 2 more people alone."


def test_whoever_is_in_a_pair_that_stands_is_not_told_as_having_none() -> None:
    busy, free, mentee, partner = junior(mentor_capacity=2, topics_taught=()), junior(), senior(), senior()
    held = [{"person_id": busy.person_id, "as_mentor": 1}, {"person_id": partner.person_id, "as_mentee": 1}]
    found = only_alternative(inputs([busy, free, mentee, partner], held=held), Side.MENTEE)
    assert found.person_id == busy.person_id
    assert found.detail.startswith("Is in another pair; ")


def test_at_most_two_alternatives_are_told_for_each_side_the_nearest_first() -> None:
    run = inputs([*(junior(topics_taught=("ai",), taught_levels={"ai": n % 3 + 1}) for n in range(9)), senior()])
    [pair] = compute(run).pairs
    assert [other.side for other in pair.alternatives] == [Side.MENTEE, Side.MENTEE]
    assert pair.alternatives[0].costs <= pair.alternatives[1].costs


def test_what_an_admin_forbids_is_no_alternative() -> None:
    better, worse, mentee = junior(), junior(topics_taught=()), senior()
    forbidden = [PersonCouple(mentor_id=worse.person_id, mentee_id=mentee.person_id)]
    [pair] = compute(inputs([better, worse, mentee], steering={"forbidden": forbidden})).pairs
    assert pair.alternatives == ()


def test_a_person_of_both_parts_may_be_an_alternative_in_either() -> None:
    low, middle, high = person(level=1, role="mentor"), person(level=2), person(level=3, role="mentee")
    result = compute(inputs([low, middle, high], policy=only(topics=1) | {"min_level_gap": 1}))
    assert len(result.pairs) == 2
    sides = {(other.side, other.person_id) for pair in result.pairs for other in pair.alternatives}
    assert sides == {(Side.MENTOR, high.person_id), (Side.MENTEE, low.person_id)}
