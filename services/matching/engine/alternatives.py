"""Which couples were nearly chosen, for each side of a pair, and what it would cost to force one of them.

An alternative's cost is exact in small pools (`exchange`). In larger pools it is read off the prices: a couple that is
left out falls short of its two prices by some amount. If the couple were forced, the total would lose at least this
amount, less what the prices' bound lies above the total. Pure; nobody's name is known here.
"""

from collections import defaultdict
from typing import NamedTuple
from uuid import UUID

import numpy as np

from services.matching.engine.rules.pool import Bools, Ints
from services.matching.engine.solver.assignment import Solution, all_edges
from services.matching.engine.solver.exchange import exact_costs
from services.matching.engine.solver.flow import Edges
from services.matching.engine.solver.grid import Grid
from shared.contracts.matching import Side

ALTERNATIVES = 2
"""The number of alternatives that are listed for each side of a pair."""
EXACT_UP_TO = 200
"""Costs are exact in pools with at most so many mentors, and at most so many mentees, who have free places."""


class Alternative(NamedTuple):
    """Another partner for one side of a pair, and why it was not chosen."""

    side: Side
    """Whose alternative it is."""
    person_id: UUID
    """The other possible partner."""
    points: int
    partners: tuple[UUID, ...]
    """The partners whom that person has instead."""
    people: int
    """How many fewer people would be in a pair if this one were forced."""
    costs: int
    """By how many points the total would fall if this pair were forced and nobody lost their pair because of it."""
    exact: bool
    """Whether this is the exact loss, as in small pools. Otherwise the loss is at least this much."""
    detail: str


class Alternatives:
    """The couples that came nearest to being chosen, for each side of a pair."""

    def __init__(self, grid: Grid, solution: Solution, unit: int, mentors: Ints, mentees: Ints) -> None:
        self._people, self._unit = grid.pool.people, unit
        self._mentees_of: dict[int, list[int]] = defaultdict(list)
        self._mentors_of: dict[int, list[int]] = defaultdict(list)
        for mentor, mentee in zip(mentors.tolist(), mentees.tolist(), strict=True):
            self._mentees_of[mentor].append(mentee)
            self._mentors_of[mentee].append(mentor)
        self._matched = {index for index, person in enumerate(self._people) if person.paired}
        self._matched.update(self._mentees_of, self._mentors_of)
        self._exact = solution.sides is not None and max(grid.shape) <= EXACT_UP_TO
        edges, short = _exact_shortfall(grid, solution) if self._exact else _least_shortfall(grid, solution)
        one, other = grid.rows[edges.rows], grid.columns[edges.columns]
        self._for_mentor = _nearest(one, other, edges.points, short)
        self._for_mentee = _nearest(other, one, edges.points, short)

    def of(self, mentor: int, mentee: int) -> tuple[Alternative, ...]:
        return (
            *(self._alternative(Side.MENTOR, self._mentors_of, *found) for found in self._for_mentor.get(mentor, ())),
            *(self._alternative(Side.MENTEE, self._mentees_of, *found) for found in self._for_mentee.get(mentee, ())),
        )

    def _alternative(
        self, side: Side, partners_of: dict[int, list[int]], person: int, points: int, short: int
    ) -> Alternative:
        people = (short + self._unit // 2) // self._unit
        partners = tuple(self._people[partner].person_id for partner in partners_of.get(person, ()))
        costs = 0 if people else short
        return Alternative(
            side=side,
            person_id=self._people[person].person_id,
            points=points,
            partners=partners,
            people=people,
            costs=costs,
            exact=self._exact,
            detail=_cost(people, costs, exact=self._exact, matched=person in self._matched),
        )


def _least_shortfall(grid: Grid, solution: Solution) -> tuple[Edges, Ints]:
    """The couples that came near, and by how much the value would fall at least: their shortfall from their prices."""
    edges = solution.edges.take(~_taken(solution.edges, grid, solution))
    short = solution.prices.mentors[edges.rows] + solution.prices.mentees[edges.columns] - edges.points
    return edges, np.maximum(short - solution.beyond, 0)


def _exact_shortfall(grid: Grid, solution: Solution) -> tuple[Edges, Ints]:
    """All couples that were left out, and by how much the value would fall."""
    assert solution.sides is not None
    edges = all_edges(grid)
    taken = _taken(edges, grid, solution)
    costs = exact_costs(edges, taken, solution.prices, *solution.sides)
    return edges.take(~taken), costs[~taken]


def _taken(edges: Edges, grid: Grid, solution: Solution) -> Bools:
    width = grid.shape[1]
    return np.isin(edges.rows * width + edges.columns, solution.pairs.rows * width + solution.pairs.columns)


def _nearest(people: Ints, partners: Ints, points: Ints, short: Ints) -> dict[int, list[tuple[int, int, int]]]:
    """For each person the couples that fall short by the least: the partner, the points, and by how much."""
    # One number sorts by the person first and by the shortfall second; equal ones stay in the order of the edges.
    order = np.argsort((people << 40) + np.minimum(short, (1 << 40) - 1), kind="stable")
    ordered = people[order]
    order = order[np.arange(len(ordered)) - np.searchsorted(ordered, ordered) < ALTERNATIVES]
    found: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for person, *couple in np.stack([people, partners, points, short], axis=1)[order].tolist():
        found[person].append((couple[0], couple[1], couple[2]))
    return found


def _cost(people: int, points: int, *, exact: bool, matched: bool) -> str:
    where = "Is in another pair" if matched else "Has no pair"
    least = "" if exact else "at least "
    if people:
        return f"{where}; forcing this one would leave {least}{_count(people, 'more person', 'more people')} alone."
    if points:
        return f"{where}; forcing this one would lower the total by {least}{_count(points, 'point')}."
    return f"{where}; {'this one is equally good' if exact else 'what forcing this one would cost was not computed'}."


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"
