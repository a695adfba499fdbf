"""The choice is the best there is: on small pools the same people and points as trying every choice."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given

from services.matching.engine.computation import Result, compute
from services.matching.engine.inputs import Held, Inputs
from services.matching.engine.reasons import Origin
from services.matching.engine.rules.pool import Ints
from services.matching.engine.solver import assignment, double_roles
from services.matching.engine.solver.assignment import Solution, lexicographic
from services.matching.engine.solver.flow import Edges, FlowSide, Prices, best_flow
from services.matching.engine.solver.grid import Grid
from shared.contracts.intake import PoolPerson
from shared.contracts.programs import Direction
from tests.unit.matching_pools import (
    allowed,
    couples,
    crowd,
    grid_of,
    in_a_pair,
    inputs,
    junior,
    juniors,
    only,
    person,
    places,
    runs,
    senior,
    seniors,
)
from tests.unit.properties import examples

Couple = tuple[UUID, UUID]


def chosen(result: Result) -> list[Couple]:
    """Without pins and pairs by hand."""
    return [(pair.mentor_id, pair.mentee_id) for pair in result.pairs if pair.origin is Origin.MATCHED]


def worth(run: Inputs, some: list[Couple], points: dict[Couple, int]) -> tuple[int, int]:
    """What the objective counts."""
    people = {one for couple in some for one in couple} - in_a_pair(run)
    return len(people) if run.policy.objective == "coverage_first" else 0, sum(points[couple] for couple in some)


def best_by_trying(run: Inputs) -> tuple[int, int]:
    points = allowed(run)
    every = sorted(points)
    mentors, mentees = places(run)
    best = (0, 0)

    def go_on(start: int, some: list[Couple]) -> None:
        nonlocal best
        best = max(best, worth(run, some, points))
        for number in range(start, len(every)):
            mentor, mentee = every[number]
            if mentors[mentor] > 0 and mentees[mentee] > 0 and (mentee, mentor) not in some:
                mentors[mentor] -= 1
                mentees[mentee] -= 1
                go_on(number + 1, [*some, every[number]])
                mentors[mentor] += 1
                mentees[mentee] += 1

    go_on(0, [])
    return best


def check_valid(run: Inputs, result: Result) -> None:
    """Only allowed couples, each once and in one direction, nobody beyond their places, pins kept."""
    some, points = chosen(result), allowed(run)
    assert {pair: points[pair] for pair in some} == {
        (pair.mentor_id, pair.mentee_id): pair.points for pair in result.pairs if pair.origin is Origin.MATCHED
    }
    assert len({frozenset(couple) for couple in some}) == len(some)
    mentors, mentees = places(run)
    assert all(count <= mentors[one] for one, count in Counter(mentor for mentor, _ in some).items())
    assert all(count <= mentees[one] for one, count in Counter(mentee for _, mentee in some).items())
    pins = {(pin.mentor_id, pin.mentee_id) for pin in run.steering.pins}
    assert pins == couples(result) - set(some)
    total = worth(run, some, points)
    assert (result.total.people, result.total.points) == total
    assert (result.bound.people, result.bound.points) >= total


@examples(50)
@given(runs(most_couples=9, both=False))
def test_with_one_part_each_the_choice_is_the_best(run: Inputs) -> None:
    result = compute(run)
    check_valid(run, result)
    assert (result.total.people, result.total.points) == best_by_trying(run)
    assert result.certified


@examples(35)
@given(runs(most_couples=9))
def test_with_people_in_both_parts_the_choice_is_the_best(run: Inputs) -> None:
    result = compute(run)
    check_valid(run, result)
    assert (result.total.people, result.total.points) == best_by_trying(run)
    assert result.certified


def matched(people: list[PoolPerson], **more: Any) -> set[Couple]:
    return couples(compute(inputs(people, **more)))


def test_one_more_person_in_a_pair_is_worth_more_than_any_points() -> None:
    good, poor = junior(), junior(topics_taught=(), languages=("de",))
    keen, open_to_all = senior(preferred=(good.person_id,)), senior(languages=("de", "en"))
    policy = only(topics=10, wishes=10)
    assert matched([good, poor, keen, open_to_all], policy=policy) == {
        (good.person_id, keen.person_id),
        (poor.person_id, open_to_all.person_id),
    }
    only_one = keen.model_copy(update={"languages": ("en", "de"), "preferred": (good.person_id,)})
    other = open_to_all.model_copy(update={"languages": ("en",), "topics_wanted": ()})
    assert matched([good, poor, only_one, other], policy=policy) == {
        (good.person_id, other.person_id),
        (poor.person_id, only_one.person_id),
    }
    quality = policy | {"objective": "quality_first"}
    assert matched([good, poor, only_one, other], policy=quality) == {(good.person_id, only_one.person_id)}


def test_spare_places_go_to_people_without_a_pair_first() -> None:
    good, poor = junior(mentor_capacity=2), junior(mentor_capacity=2, topics_taught=())
    assert {mentor for mentor, _ in matched([good, poor, *seniors(2)])} == {good.person_id, poor.person_id}


def test_people_who_are_in_a_pair_already_give_way_to_those_who_are_not() -> None:
    mentor, [busy, free] = junior(), seniors(2, mentee_capacity=2)
    busy = busy.model_copy(update={"preferred": (mentor.person_id,)})
    held = [Held(person_id=busy.person_id, as_mentee=1)]
    assert matched([mentor, busy, free]) == {(mentor.person_id, busy.person_id)}
    assert matched([mentor, busy, free], held=held) == {(mentor.person_id, free.person_id)}


def test_someone_in_both_parts_counts_as_one_person() -> None:
    """A chain of three people has as many sides filled as two pairs of four people, and covers fewer."""
    first, second = person(level=1, role="mentor"), person(level=2)
    third, fourth = person(level=3), person(level=4, role="mentee")
    allowed_gap = {"max_level_gap": 1} | only(topics=1)
    result = compute(inputs([first, second, third, fourth], policy=allowed_gap))
    assert result.total.people == 4
    assert {(first.person_id, second.person_id), (third.person_id, fourth.person_id)} <= couples(result)


def test_two_people_are_never_matched_in_both_directions() -> None:
    two = [person(level=1), person(level=2)]
    for objective in ("coverage_first", "quality_first"):
        assert len(matched(two, direction=Direction.MUTUAL, policy={"objective": objective})) == 1


def test_no_eligible_couple_means_no_pair_and_that_is_proven() -> None:
    result = compute(inputs([*juniors(3, level=9), *seniors(2)]))
    assert (result.pairs, result.total, result.certified) == ((), result.bound, True)


def test_the_most_points_and_places_there_are_stay_within_whole_numbers() -> None:
    people = [*juniors(60, mentor_capacity=5), *seniors(60, mentee_capacity=5)]
    result = compute(inputs(people, policy={"weights": dict.fromkeys(only()["weights"], 10)}))
    assert (len(result.pairs), result.total.people, result.certified) == (300, 120, True)


def test_prices_that_mix_points_and_people_do_not_prove_the_order_of_the_two() -> None:
    bonus = 1000

    def proves(*prices: int) -> bool:
        return lexicographic(Prices(np.asarray(prices, dtype=np.int64), np.zeros(0, dtype=np.int64)), bonus)

    assert proves()
    assert proves(-1000, 0, 200, 2249, -3249)
    assert not proves(0, 250)
    assert not proves(1500)
    assert not proves(-400)


def chain(count: int) -> list[PoolPerson]:
    """Mentors and mentees of whom each may meet two, so that one more pair costs all the points of the others: a mentor
    teaches what the next mentee wants, but then the first mentee and the last mentor are left."""
    mentors = [
        junior(person_id=UUID(int=100 + n), languages=(f"l{n}", f"l{n + 1}"), topics_taught=(f"t{n}",))
        for n in range(count)
    ]
    mentees = [
        senior(person_id=UUID(int=500 + n), languages=(f"l{n}",), topics_wanted=(f"t{n - 1}",)) for n in range(count)
    ]
    return [*mentors, *mentees]


@pytest.mark.parametrize(("length", "bonus", "raised"), [(30, 2**17, True), (30, 2**20, True), (5, 2**20, False)])
def test_a_bonus_that_points_could_outweigh_is_raised(
    monkeypatch: pytest.MonkeyPatch, length: int, bonus: int, raised: bool
) -> None:
    monkeypatch.setattr(assignment, "BONUS", bonus)
    units = []
    solve = double_roles.solve_once_each

    def watch(grid: Grid, mentors: Ints, mentees: Ints, paid: Ints, heartbeat: Callable[[], None]) -> Solution:
        units.append(int(paid.max()))
        return solve(grid, mentors, mentees, paid, heartbeat)

    monkeypatch.setattr(double_roles, "solve_once_each", watch)
    result = compute(inputs(chain(length), policy=only(topics=10)))
    # The pairs of the whole chain give no points; with one pair fewer all the others would give ten thousand.
    assert (result.total.people, result.total.points, result.certified) == (2 * length, 0, True)
    assert units[0] == bonus
    assert (len(units) > 1) is raised


def test_in_the_integer_program_too_no_points_outweigh_a_person() -> None:
    grid = grid_of(inputs(chain(30), policy=only(topics=10)))
    one_each = np.ones(30, dtype=np.int64)
    bonus = np.full(60, 2**17)
    pairs, proven = double_roles._integer_program(
        assignment.all_edges(grid), grid, one_each, one_each, bonus, assignment.NO_EDGES
    )
    assert (len(pairs), proven) == (30, True)


def test_when_the_integer_program_runs_out_of_effort_the_choice_is_valid_and_not_called_certified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = inputs(crowd(24, seed=2, roles=("both",)), Direction.MUTUAL)
    assert compute(run).certified
    monkeypatch.setattr(double_roles, "EFFORT", 0.0)
    result = compute(run)
    check_valid(run, result)
    assert result.pairs
    assert not result.certified


def test_a_flow_without_edges_takes_none() -> None:
    side = FlowSide(np.ones(2, dtype=np.int64), np.ones(2, dtype=np.int64))
    none = np.zeros(0, dtype=np.int64)
    assert best_flow(Edges(none, none, none), side, side).tolist() == []
