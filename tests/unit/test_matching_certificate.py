"""The proof: prices that bound every possible choice, checked here by rules of its own.

The check is weak duality, couple by couple and person by person, with nothing of the solver in it: for any prices, no
choice earns more than what all couples exceed their two prices by, and what all places then earn at their prices.
"""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortools.sat.python import cp_model

from services.matching.engine.computation import compute
from services.matching.engine.inputs import Inputs
from services.matching.engine.solver import assignment
from services.matching.engine.solver.assignment import BONUS, Solution, solve
from services.matching.engine.solver.flow import Edges, FlowSide, Prices
from services.matching.engine.solver.grid import Grid
from shared.contracts.programs import Direction
from tests.unit.matching_pools import allowed, crowd, grid_of, in_a_pair, inputs, places, runs, scores_by_rules
from tests.unit.properties import examples


@dataclass(frozen=True)
class Claim:
    """What a solver says: these pairs with these points are the best, and these prices prove it."""

    pairs: dict[tuple[int, int], int]
    mentor_prices: tuple[int, ...]
    mentee_prices: tuple[int, ...]


def claim_of(solution: Solution) -> Claim:
    ends = zip(solution.pairs.rows.tolist(), solution.pairs.columns.tolist(), strict=True)
    return Claim(
        dict(zip(ends, solution.pairs.points.tolist(), strict=True)),
        tuple(solution.prices.mentors.tolist()),
        tuple(solution.prices.mentees.tolist()),
    )


def holds(run: Inputs, grid: Grid, claim: Claim) -> bool:
    """Whether the claim is true."""
    points = allowed(run)
    mentor_places, mentee_places = places(run)
    unit = BONUS if run.policy.objective == "coverage_first" else 0
    ids = [one.person_id for one in grid.pool.people]
    mentors, mentees = [ids[index] for index in grid.rows], [ids[index] for index in grid.columns]
    bonus = {one: 0 if one in in_a_pair(run) else unit for one in ids}
    pairs = {(mentors[row], mentees[column]): value for (row, column), value in claim.pairs.items()}
    if any(points.get(pair) != value for pair, value in pairs.items()):
        return False
    earned = sum(pairs.values())
    for side, room in ((0, mentor_places), (1, mentee_places)):
        taken = Counter(pair[side] for pair in pairs)
        if any(count > room[one] for one, count in taken.items()):
            return False
        earned += sum(bonus[one] for one in taken)
    up = dict(zip(mentors, claim.mentor_prices, strict=True))
    down = dict(zip(mentees, claim.mentee_prices, strict=True))
    bound = sum(max(value - up[mentor] - down[mentee], 0) for (mentor, mentee), value in points.items())
    for prices, room in ((up, mentor_places), (down, mentee_places)):
        for one, price in prices.items():
            bound += max(bonus[one] * (count > 0) + count * price for count in range(room[one] + 1))
    return bool(earned == bound)


def sides(run: Inputs, grid: Grid) -> tuple[FlowSide, FlowSide]:
    unit = BONUS if run.policy.objective == "coverage_first" else 0
    people = grid.pool.people
    bonus = np.asarray([0 if person.paired else unit for person in people], dtype=np.int64)
    mentors = np.asarray([people[index].mentor_places for index in grid.rows], dtype=np.int64)
    mentees = np.asarray([people[index].mentee_places for index in grid.columns], dtype=np.int64)
    return FlowSide(mentors, bonus[grid.rows]), FlowSide(mentees, bonus[grid.columns])


def solved(run: Inputs) -> tuple[Grid, Solution]:
    grid = grid_of(run)
    return grid, solve(grid, *sides(run, grid))


@pytest.fixture(params=["coverage_first", "quality_first"])
def run(request: pytest.FixtureRequest) -> Inputs:
    return inputs(crowd(40, seed=9, capacity=3), policy={"objective": request.param})


@examples(20)
@given(runs(both=False))
def test_the_proof_of_any_pool_with_one_part_each_holds(run: Inputs) -> None:
    grid, solution = solved(run)
    assert holds(run, grid, claim_of(solution))
    assert solution.certified


@examples(20)
@given(runs(both=False), st.data())
def test_no_prices_at_all_put_the_bound_below_the_best(run: Inputs, data: st.DataObject) -> None:
    grid, solution = solved(run)
    drawn = [
        np.asarray([data.draw(st.integers(-2 * BONUS, 2 * BONUS)) for _ in range(count)], dtype=np.int64)
        for count in grid.shape
    ]
    if 0 not in grid.shape:
        prices = Prices(*drawn)
        surplus = assignment.price(grid, prices, solution.pairs).surplus
        assert assignment.upper_bound(prices, *sides(run, grid), surplus) >= solution.value


def test_the_proof_fails_when_a_price_is_changed(run: Inputs) -> None:
    grid, solution = solved(run)
    claim = claim_of(solution)
    assert holds(run, grid, claim)
    for number, price in enumerate(claim.mentor_prices):
        for change in (-(2**26), 2**26):
            changed = (*claim.mentor_prices[:number], price + change, *claim.mentor_prices[number + 1 :])
            able = any(mentor == grid.pool.people[grid.rows[number]].person_id for mentor, _ in allowed(run))
            assert holds(run, grid, replace(claim, mentor_prices=changed)) is (change < 0 and not able)
    lower = tuple(price - 1 for price in claim.mentee_prices)
    assert not holds(run, grid, replace(claim, mentee_prices=lower))


def test_the_proof_fails_when_a_pair_is_left_out_or_added(run: Inputs) -> None:
    grid, solution = solved(run)
    claim = claim_of(solution)
    for pair in claim.pairs:
        assert not holds(run, grid, replace(claim, pairs={one: n for one, n in claim.pairs.items() if one != pair}))
    scores = scores_by_rules(grid)
    for row in range(grid.shape[0]):
        for column in range(grid.shape[1]):
            if (row, column) not in claim.pairs:
                more = claim.pairs | {(row, column): max(int(scores[row, column]), 0)}
                assert not holds(run, grid, replace(claim, pairs=more))


def test_the_proof_fails_when_a_score_is_changed(run: Inputs) -> None:
    grid, solution = solved(run)
    claim = claim_of(solution)
    for pair, points in claim.pairs.items():
        assert not holds(run, grid, replace(claim, pairs=claim.pairs | {pair: points + 1}))


def test_a_worse_choice_that_is_allowed_is_not_called_certified(run: Inputs) -> None:
    grid, solution = solved(run)
    fewer = solution.pairs.take(np.arange(1, len(solution.pairs)))
    worse = replace(solution, pairs=fewer, value=assignment.value(fewer, *sides(run, grid)))
    assert worse.value < solution.value
    assert not worse.certified


# ── Larger pools: candidates first, and all couples only to be priced ────────────────────────────────────────────────


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Makes samples and candidates so few that couples must be added; lists how many couples were
    better than their prices, each time."""
    for name, small in (("FEW", 10), ("SHARE", 4), ("CLOSE", 3), ("BETTER", 2), ("NEAR", 9)):
        monkeypatch.setattr(assignment, name, small)
    better: list[int] = []
    price = assignment.price

    def watch(grid: Grid, prices: Prices, pairs: Edges) -> assignment.Priced:
        found = price(grid, prices, pairs)
        better.append(found.count)
        return found

    monkeypatch.setattr(assignment, "price", watch)
    return better


@pytest.mark.parametrize(
    ("count", "seed", "capacity", "objective"),
    [
        (60, 1, 1, "coverage_first"),
        (61, 2, 3, "coverage_first"),
        (120, 3, 2, "quality_first"),
        (200, 4, 1, "coverage_first"),
        pytest.param(300, 5, 2, "coverage_first", marks=pytest.mark.long),
        pytest.param(400, 6, 1, "quality_first", marks=pytest.mark.long),
    ],
)
def test_what_is_added_until_nothing_is_better_ends_in_a_proof(
    rounds: list[int], count: int, seed: int, capacity: int, objective: str
) -> None:
    roles = ("mentor", "mentee", "mentee") if seed % 2 else ("mentor", "mentee")
    run = inputs(crowd(count, seed, roles, capacity), policy={"objective": objective})
    grid, solution = solved(run)
    assert solution.certified
    assert holds(run, grid, claim_of(solution))
    assert rounds[0] > 0
    assert rounds[-1] == 0
    assert len(solution.edges) < len(allowed(run)) or count < 100


def best_by_another_solver(run: Inputs) -> tuple[int, int]:
    """People, then points, by an integer program over all allowed couples."""
    points = allowed(run)
    mentors, mentees = places(run)
    model = cp_model.CpModel()
    chosen = {couple: model.new_bool_var("") for couple in points}
    in_pair = {one.person_id: model.new_bool_var("") for one in run.people if one.person_id not in in_a_pair(run)}
    for one in run.people:
        teaching = [variable for (mentor, _), variable in chosen.items() if mentor == one.person_id]
        learning = [variable for (_, mentee), variable in chosen.items() if mentee == one.person_id]
        model.add(sum(teaching) <= max(mentors[one.person_id], 0))
        model.add(sum(learning) <= max(mentees[one.person_id], 0))
        if one.person_id in in_pair:
            model.add(sum(teaching) + sum(learning) >= in_pair[one.person_id])
    for (mentor, mentee), variable in chosen.items():
        if (mentee, mentor) in chosen:
            model.add(variable + chosen[mentee, mentor] <= 1)
    unit = 10**7 if run.policy.objective == "coverage_first" else 0
    model.maximize(sum(points[two] * chosen[two] for two in chosen) + unit * sum(in_pair.values()))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.linearization_level = 2
    assert solver.solve(model) == cp_model.OPTIMAL
    total = sum(points[two] for two in chosen if solver.boolean_value(chosen[two]))
    return sum(solver.boolean_value(one) for one in in_pair.values()) if unit else 0, total


@pytest.mark.parametrize(
    ("count", "roles", "direction", "objective"),
    [
        (70, ("mentor", "mentee"), Direction.REVERSE, "coverage_first"),
        (70, ("mentee", "mentor", "mentee"), Direction.TRADITIONAL, "quality_first"),
        (50, ("mentor", "mentee", "both"), Direction.REVERSE, "coverage_first"),
        (24, ("both",), Direction.MUTUAL, "coverage_first"),
    ],
)
def test_another_solver_over_all_couples_finds_nothing_better(
    rounds: list[int], count: int, roles: tuple[str, ...], direction: Direction, objective: str
) -> None:
    run = inputs(crowd(count, 11, roles, capacity=2), direction, policy={"objective": objective, "min_level_gap": 0})
    result = compute(run)
    people, points = best_by_another_solver(run)
    assert (result.bound.people, result.bound.points) >= (people, points)
    assert (result.total.people, result.total.points) == (people, points) or not result.certified
    assert result.certified or "both" in roles
