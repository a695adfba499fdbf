"""People who may be mentor and mentee at once: they count as one person, however many pairs they are in.

A flow cannot express that: a person who is in it on both sides earns two bonuses. So each person gets a discount, which
both of their sides pay, and which the bound adds once. For any discounts from 0 to the bonus, the flow's bound is an
upper bound of the true problem (Lagrangian relaxation; Fisher 1981). The discounts follow the flow: the full bonus for
a person whom it takes twice, nothing for a person whom it leaves out. Often a flow with the right discounts takes
nobody twice and is the proof itself. Where it is not, the couples that came near are given to an integer program
(CP-SAT with one worker and a fixed seed, so that it gives the same result again), and the result says how much may be
missing to the bound. Pure.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from services.matching.engine.rules.pool import Bools, Ints
from services.matching.engine.solver.assignment import FEW, Solution, all_edges, solve
from services.matching.engine.solver.flow import Edges, FlowSide
from services.matching.engine.solver.grid import Grid
from shared.contracts.matching import Side

ROUNDS = 8
"""How often discounts are set, at most."""
EFFORT = 60.0
"""CP-SAT's limit of deterministic time, roughly in seconds. When it is reached, the best choice so far is taken, and is
not called proven."""


def solve_once_each(
    grid: Grid, mentor_places: Ints, mentee_places: Ints, bonus: Ints, heartbeat: Callable[[], None] = lambda: None
) -> Solution:
    """The best choice in which everybody earns their `bonus` (by index in the pool) once, and no two people meet in
    both directions. `mentor_places` are by row of the grid, `mentee_places` by column."""

    def sides(paid: Ints) -> tuple[FlowSide, FlowSide]:
        return FlowSide(mentor_places, paid[grid.rows]), FlowSide(mentee_places, paid[grid.columns])

    double = np.zeros(len(grid.pool), dtype=np.bool_)
    double[np.intersect1d(grid.rows, grid.columns)] = True
    if not double.any():
        return solve(grid, *sides(bonus), heartbeat)
    discount, found, seen = np.zeros_like(bonus), None, []
    while True:
        found = solve(grid, *sides(bonus - discount), heartbeat, found)
        pairs = found.pairs.take(_one_way(found.pairs, grid))
        limit = found.bound + int(discount.sum())
        seen.append(Solution(pairs, found.edges, found.prices, once_value(pairs, grid, bonus), limit))
        taught, learnt = _taken(found.pairs, grid)
        following = np.where(double & taught & learnt, bonus, np.where(taught | learnt, discount, 0))
        if seen[-1].certified or len(seen) == ROUNDS or np.array_equal(following, discount):
            break
        discount = following
    best = max(seen, key=lambda one: one.value)
    bound = min(one.bound for one in seen)
    if best.value == bound:
        return replace(best, bound=bound, beyond=best.bound - bound)
    few = max(grid.shape) <= FEW
    edges = all_edges(grid) if few else found.edges
    pairs, proven = _integer_program(edges, grid, mentor_places, mentee_places, bonus, best.pairs)
    value = once_value(pairs, grid, bonus)
    beyond = seen[-1].bound - value
    return Solution(pairs, edges, found.prices, value, value if few and proven else bound, beyond)


def once_value(pairs: Edges, grid: Grid, bonus: Ints) -> int:
    """The points, and the bonus of everybody in a pair, counted once."""
    taught, learnt = _taken(pairs, grid)
    return int(pairs.points.sum() + bonus[taught | learnt].sum())


def _taken(pairs: Edges, grid: Grid) -> tuple[Bools, Bools]:
    """Who is a mentor and who a mentee in these pairs, by index in the pool."""
    taught, learnt = (np.zeros(len(grid.pool), dtype=np.bool_) for _ in range(2))
    taught[grid.rows[pairs.rows]] = True
    learnt[grid.columns[pairs.columns]] = True
    return taught, learnt


def _couples(edges: Edges, grid: Grid) -> Ints:
    """The same number for the same two people, whoever is the mentor."""
    one, other = grid.rows[edges.rows], grid.columns[edges.columns]
    return np.minimum(one, other) * len(grid.pool) + np.maximum(one, other)


def _one_way(pairs: Edges, grid: Grid) -> Ints:
    """The indexes of pairs, of which two people who are matched in both directions keep the better direction alone."""
    order = np.argsort(-pairs.points, kind="stable")
    _, first = np.unique(_couples(pairs, grid)[order], return_index=True)
    return np.sort(order[first])


def _integer_program(
    edges: Edges, grid: Grid, mentor_places: Ints, mentee_places: Ints, bonus: Ints, start: Edges
) -> tuple[Edges, bool]:
    """The best choice among these edges, and whether that is proven. Each couple and each person with a bonus is one
    binary variable. The bonus is raised above all points together, so that no points outweigh a person."""
    most_pairs = min(int(mentor_places.sum()), int(mentee_places.sum()))
    bonus = np.where(bonus > 0, max(int(bonus.max()), most_pairs * int(edges.points.max(initial=0)) + 1), 0)
    from ortools.sat.python import cp_model  # late, as it takes a second and few pools need it

    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in range(len(edges))]
    groups: dict[tuple[str, int], list[cp_model.IntVar]] = defaultdict(list)
    for variable, row, column, couple in zip(
        chosen, edges.rows.tolist(), edges.columns.tolist(), _couples(edges, grid).tolist(), strict=True
    ):
        groups[Side.MENTOR, row].append(variable)
        groups[Side.MENTEE, column].append(variable)
        groups["couple", couple].append(variable)
        groups["person", int(grid.rows[row])].append(variable)
        groups["person", int(grid.columns[column])].append(variable)
    covered = []
    for (kind, index), variables in groups.items():
        if kind == "person":
            if bonus[index]:
                covered.append((model.new_bool_var(""), int(bonus[index])))
                model.add_bool_or([*variables, ~covered[-1][0]])
            continue
        limit = 1 if kind == "couple" else int((mentor_places if kind == Side.MENTOR else mentee_places)[index])
        if len(variables) > limit:
            model.add(sum(variables) <= limit)
    width = grid.shape[1]
    kept = np.isin(edges.rows * width + edges.columns, start.rows * width + start.columns)
    for variable, hint in zip(chosen, kept.tolist(), strict=True):
        model.add_hint(variable, hint)
    model.maximize(
        cp_model.LinearExpr.weighted_sum(chosen, edges.points.tolist())
        + cp_model.LinearExpr.weighted_sum([variable for variable, _ in covered], [earned for _, earned in covered])
    )
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.linearization_level = 2
    solver.parameters.max_deterministic_time = EFFORT
    status = solver.solve(model)
    if status == cp_model.UNKNOWN:
        return start, False
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise RuntimeError(f"The integer program ended with status {solver.status_name(status)}.")
    taken = np.asarray([solver.boolean_value(variable) for variable in chosen], dtype=np.bool_)
    return edges.take(taken), status == cp_model.OPTIMAL
