"""Who meets whom: the exact best choice among the eligible couples.

The objective, in this order:

1. as many people as possible are in at least one pair (people who already are in one count for nothing more);
2. the sum of the chosen couples' points is as large as possible.

Nobody has more pairs than places on either side, and no two people are matched in both directions at once.

Where everyone plays one part only, this is a minimum-cost flow: source → mentor → mentee → sink, one unit a pair. The
first unit through a person earns a bonus larger than all points together, further units none, which makes the two
goals one cost. Someone who may be mentor and mentee at once must earn the bonus once only, which a flow cannot say;
then the same objective is solved as an integer program (CP-SAT, one worker and a fixed seed, so that it repeats).

Pure: people are indexes; the caller orders them, and ties fall by that order alone.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from ortools.graph.python import min_cost_flow
from ortools.sat.python import cp_model

EFFORT = 600.0
"""CP-SAT's deterministic time, roughly seconds: beyond it the best choice so far is taken and not called optimal."""


class Candidate(NamedTuple):
    """An eligible couple: indexes of the two people and its points (not negative)."""

    mentor: int
    mentee: int
    points: int


@dataclass(frozen=True, slots=True)
class Places:
    """Free places of one person, and whether they are in a pair already."""

    as_mentor: int
    as_mentee: int
    paired: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    chosen: tuple[Candidate, ...]
    optimal: bool
    """Proven to be the best."""


def assign(people: Sequence[Places], candidates: Sequence[Candidate]) -> Assignment:
    """The best assignment. Raises RuntimeError if the solver fails, which valid input does not cause."""
    if not candidates:
        return Assignment(chosen=(), optimal=True)
    bonus = 1 + _most_pairs(people, candidates) * max(candidate.points for candidate in candidates)
    by_flow = _flow(people, candidates, bonus)
    mentors = {candidate.mentor for candidate in candidates}
    mentees = {candidate.mentee for candidate in candidates}
    if mentors.isdisjoint(mentees):
        return Assignment(chosen=by_flow, optimal=True)
    return _integer_program(people, candidates, bonus, _without_reversed(by_flow))


def _most_pairs(people: Sequence[Places], candidates: Sequence[Candidate]) -> int:
    mentors = {candidate.mentor for candidate in candidates}
    mentees = {candidate.mentee for candidate in candidates}
    return min(
        len(candidates),
        sum(people[person].as_mentor for person in mentors),
        sum(people[person].as_mentee for person in mentees),
    )


def _flow(people: Sequence[Places], candidates: Sequence[Candidate], bonus: int) -> tuple[Candidate, ...]:
    """Minimum-cost flow. Nodes: mentors 0…, mentees n…, source 2n, sink 2n+1; a free arc takes what is not matched."""
    count = len(people)
    source, sink = 2 * count, 2 * count + 1
    couples = np.asarray(candidates, dtype=np.int64)
    solver = min_cost_flow.SimpleMinCostFlow()
    arcs = solver.add_arcs_with_capacity_and_unit_cost(
        couples[:, 0].astype(np.int32),
        (couples[:, 1] + count).astype(np.int32),
        np.ones(len(couples), dtype=np.int64),
        -couples[:, 2],
    )
    for person in np.unique(couples[:, 0]).tolist():
        _add_side(solver, source, person, people[person].as_mentor, people[person].paired, bonus)
    for person in np.unique(couples[:, 1]).tolist():
        _add_side(solver, person + count, sink, people[person].as_mentee, people[person].paired, bonus)
    supply = _most_pairs(people, candidates)
    solver.add_arc_with_capacity_and_unit_cost(source, sink, supply, 0)
    solver.set_node_supply(source, supply)
    solver.set_node_supply(sink, -supply)
    status = solver.solve()
    if status != solver.OPTIMAL:
        raise RuntimeError(f"The minimum-cost flow ended with status {status}.")
    return tuple(candidates[place] for place in np.flatnonzero(solver.flows(arcs)).tolist())


def _add_side(
    solver: min_cost_flow.SimpleMinCostFlow, tail: int, head: int, places: int, paired: bool, bonus: int
) -> None:
    if places > 0:
        solver.add_arc_with_capacity_and_unit_cost(tail, head, 1, 0 if paired else -bonus)
    if places > 1:
        solver.add_arc_with_capacity_and_unit_cost(tail, head, places - 1, 0)


def _without_reversed(chosen: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Of two people matched in both directions, the better direction alone."""
    best: dict[tuple[int, int], Candidate] = {}
    for candidate in chosen:
        couple = (min(candidate.mentor, candidate.mentee), max(candidate.mentor, candidate.mentee))
        if couple not in best or candidate.points > best[couple].points:
            best[couple] = candidate
    return tuple(best.values())


def _integer_program(
    people: Sequence[Places], candidates: Sequence[Candidate], bonus: int, start: tuple[Candidate, ...]
) -> Assignment:
    """One binary variable a couple, one a person who is not paired yet and can be."""
    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in candidates]
    teaching: dict[int, list[cp_model.IntVar]] = defaultdict(list)
    learning: dict[int, list[cp_model.IntVar]] = defaultdict(list)
    directions: dict[tuple[int, int], list[cp_model.IntVar]] = defaultdict(list)
    for candidate, variable in zip(candidates, chosen, strict=True):
        teaching[candidate.mentor].append(variable)
        learning[candidate.mentee].append(variable)
        directions[min(candidate[:2]), max(candidate[:2])].append(variable)
    covered = []
    for person, places in enumerate(people):
        for variables, limit in ((teaching[person], places.as_mentor), (learning[person], places.as_mentee)):
            if len(variables) > limit:
                model.add(sum(variables) <= limit)
        if not places.paired and (teaching[person] or learning[person]):
            variable = model.new_bool_var("")
            model.add_bool_or([*teaching[person], *learning[person], ~variable])
            covered.append(variable)
    for variables in directions.values():
        if len(variables) > 1:
            model.add_at_most_one(variables)
    kept = set(start)
    for candidate, variable in zip(candidates, chosen, strict=True):
        model.add_hint(variable, candidate in kept)
    model.maximize(
        bonus * sum(covered) + cp_model.LinearExpr.weighted_sum(chosen, [candidate.points for candidate in candidates])
    )
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.linearization_level = 2
    solver.parameters.max_deterministic_time = EFFORT
    status = solver.solve(model)
    if status == cp_model.UNKNOWN:
        return Assignment(chosen=start, optimal=False)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise RuntimeError(f"The integer program ended with status {solver.status_name(status)}.")
    taken = (pair for pair, variable in zip(candidates, chosen, strict=True) if solver.boolean_value(variable))
    return Assignment(chosen=tuple(taken), optimal=status == cp_model.OPTIMAL)
