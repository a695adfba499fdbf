"""The assignment is the best there is: the same people and points as trying every choice."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.matching import assignment
from services.matching.assignment import Candidate, Places, assign

Pool = tuple[list[Places], list[Candidate]]


def is_valid(people: Sequence[Places], chosen: Iterable[Candidate]) -> bool:
    pairs = list(chosen)
    teaching = Counter(pair.mentor for pair in pairs)
    learning = Counter(pair.mentee for pair in pairs)
    directed = {(pair.mentor, pair.mentee) for pair in pairs}
    return (
        all(teaching[index] <= places.as_mentor for index, places in enumerate(people))
        and all(learning[index] <= places.as_mentee for index, places in enumerate(people))
        and not any((mentee, mentor) in directed for mentor, mentee in directed)
    )


def value(people: Sequence[Places], chosen: Iterable[Candidate]) -> tuple[int, int]:
    """People newly in a pair, then points."""
    pairs = list(chosen)
    covered = {person for pair in pairs for person in pair[:2] if not people[person].paired}
    return len(covered), sum(pair.points for pair in pairs)


def best_value(people: Sequence[Places], candidates: Sequence[Candidate]) -> tuple[int, int]:
    return max(
        value(people, chosen)
        for size in range(len(candidates) + 1)
        for chosen in combinations(candidates, size)
        if is_valid(people, chosen)
    )


@st.composite
def pools(draw: st.DrawFn, *, one_part_each: bool) -> Pool:
    count = draw(st.integers(2, 6))
    split = draw(st.integers(1, count - 1))
    places = st.integers(0, 2)
    people = [Places(draw(places), draw(places), draw(st.booleans())) for _ in range(count)]
    mentors = range(split) if one_part_each else range(count)
    mentees = range(split, count) if one_part_each else range(count)
    possible = [(mentor, mentee) for mentor in mentors for mentee in mentees if mentor != mentee]
    couples = draw(st.lists(st.sampled_from(possible), unique=True, max_size=9))
    usable = [pair for pair in couples if people[pair[0]].as_mentor and people[pair[1]].as_mentee]
    return people, [Candidate(mentor, mentee, draw(st.integers(0, 5))) for mentor, mentee in usable]


def check(pool: Pool) -> None:
    people, candidates = pool
    found = assign(people, candidates)
    assert found.optimal
    assert set(found.chosen) <= set(candidates)
    assert len(set(found.chosen)) == len(found.chosen)
    assert is_valid(people, found.chosen)
    assert value(people, found.chosen) == best_value(people, candidates)


@settings(max_examples=300, deadline=None)
@given(pools(one_part_each=True))
def test_with_one_part_each_the_flow_finds_the_best_choice(pool: Pool) -> None:
    check(pool)


@settings(max_examples=150, deadline=None)
@given(pools(one_part_each=False))
@example(([Places(1, 1), Places(1, 1)], [Candidate(0, 1, 3), Candidate(1, 0, 3)]))
def test_with_people_in_both_parts_the_integer_program_finds_the_best_choice(pool: Pool) -> None:
    check(pool)


def test_one_more_person_in_a_pair_is_worth_more_than_any_points() -> None:
    people = [Places(1, 0), Places(1, 0), Places(0, 1), Places(0, 1)]
    rich, poor = Candidate(0, 2, 50_000), [Candidate(0, 3, 0), Candidate(1, 2, 0)]
    assert set(assign(people, [rich, *poor]).chosen) == set(poor)


def test_spare_places_go_to_people_without_a_pair_first() -> None:
    people = [Places(2, 0), Places(2, 0), Places(0, 1), Places(0, 1)]
    every = [Candidate(0, 2, 9), Candidate(0, 3, 9), Candidate(1, 2, 1), Candidate(1, 3, 1)]
    chosen = assign(people, every).chosen
    assert {pair.mentor for pair in chosen} == {0, 1}
    assert sum(pair.points for pair in chosen) == 10


def test_people_who_are_in_a_pair_already_give_way_to_those_who_are_not() -> None:
    people = [Places(1, 0, paired=True), Places(0, 1, paired=True), Places(0, 1)]
    assert assign(people, [Candidate(0, 1, 9), Candidate(0, 2, 1)]).chosen == (Candidate(0, 2, 1),)


def test_that_holds_with_people_in_both_parts_too() -> None:
    people = [Places(1, 1, paired=True), Places(1, 1, paired=True), Places(1, 1), Places(1, 1)]
    candidates = [Candidate(0, 1, 9), Candidate(1, 0, 8), Candidate(0, 2, 1), Candidate(3, 1, 1)]
    assert set(assign(people, candidates).chosen) == {Candidate(0, 2, 1), Candidate(3, 1, 1), Candidate(1, 0, 8)}
    few = [Places(1, 0, paired=True), Places(1, 1, paired=True), Places(0, 1)]
    assert assign(few, [Candidate(0, 1, 9), Candidate(0, 2, 1), Candidate(1, 2, 0)]).chosen == (
        Candidate(0, 1, 9),
        Candidate(1, 2, 0),
    )
    one = [Places(1, 0, paired=True), Places(1, 1, paired=True), Places(0, 1), Places(0, 1, paired=True)]
    assert assign(one, [Candidate(0, 1, 9), Candidate(0, 2, 1), Candidate(1, 3, 9)]).chosen == (
        Candidate(0, 2, 1),
        Candidate(1, 3, 9),
    )


def test_someone_in_both_parts_counts_as_one_person() -> None:
    """A chain of three people has as many sides filled as two pairs of four people, and covers fewer."""
    people = [Places(1, 0), Places(1, 1), Places(1, 1), Places(0, 1)]
    chain = [Candidate(0, 1, 9), Candidate(1, 2, 9), Candidate(2, 3, 0)]
    apart = [Candidate(0, 1, 9), Candidate(2, 3, 0)]
    assert value(people, assign(people, chain).chosen)[0] == 4
    assert set(apart) <= set(assign(people, chain).chosen)


def test_two_people_are_never_matched_in_both_directions() -> None:
    people = [Places(1, 1), Places(1, 1)]
    assert assign(people, [Candidate(0, 1, 2), Candidate(1, 0, 3)]).chosen == (Candidate(1, 0, 3),)


def test_no_candidates_mean_no_pairs() -> None:
    assert assign([Places(1, 1)], []).chosen == ()


@pytest.mark.parametrize("both", [0, 1])
def test_the_same_input_gives_the_same_choice(both: int) -> None:
    people = [Places(1, both) for _ in range(10)] + [Places(0, 1) for _ in range(10)]
    candidates = [Candidate(mentor, mentee, 5) for mentor in range(10) for mentee in range(10, 20)]
    candidates += [Candidate(mentor, mentor - 1, 5) for mentor in range(1, 10) if both]
    assert assign(people, candidates) == assign(people, candidates)


def test_large_pools_stay_within_whole_numbers() -> None:
    """Bonus times nodes must fit 64 bits: 400 people with the most points there are."""
    people = [Places(5, 0) for _ in range(200)] + [Places(0, 5) for _ in range(200)]
    candidates = [Candidate(mentor, mentee, 50_000) for mentor in range(200) for mentee in range(200, 400)]
    chosen = assign(people, candidates).chosen
    assert value(people, chosen) == (400, 1000 * 50_000)


def test_when_the_solver_runs_out_of_effort_the_choice_is_valid_and_not_called_optimal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people = [Places(1, 1) for _ in range(12)]
    candidates = [Candidate(one, other, one + other) for one in range(12) for other in range(12) if one != other]
    monkeypatch.setattr(assignment, "EFFORT", 0.0)
    found = assign(people, candidates)
    assert not found.optimal
    assert found.chosen
    assert is_valid(people, found.chosen)
