"""The best choice among a list of edges, as a minimum-cost flow, and the prices that prove it.

Each pair is one unit of flow: source → mentor → mentee → sink. The first unit through a person earns their bonus,
further units earn none. A free arc from source to sink takes the units that are not matched. OR-Tools solves this
exactly, in whole numbers (cost-scaling push-relabel), but does not report the dual prices. They are found from the
flow: the least prices above a start for which no edge that is left out would gain and no edge that is taken would lose
(Bellman-Ford on the residual network; Ahuja, Magnanti, Orlin, "Network Flows", chapter 9). Pure.
"""

from dataclasses import dataclass

import numpy as np

from services.matching.engine.rules.pool import Bools, Ints

FREE = np.int64(2**60)
"""Stands for infinity, where there is no bound."""


@dataclass(frozen=True, slots=True)
class FlowSide:
    """All mentors or all mentees: their free places, and the bonus that the first pair of each earns beside its
    points."""

    places: Ints
    bonus: Ints

    def __len__(self) -> int:
        return len(self.places)

    def part(self, chosen: Ints) -> "FlowSide":
        return FlowSide(self.places[chosen], self.bonus[chosen])

    def earned(self, pairs: Ints) -> int:
        """The bonuses that people with these numbers of pairs earn together."""
        return int(self.bonus[pairs > 0].sum())

    def bounds(self, pairs: Ints) -> tuple[Ints, Ints]:
        """The least and the highest price of a place, for people with these numbers of pairs. A person with a place
        left asks nothing for it, and a person without any pair pays their bonus for one."""
        least = np.select([pairs == 0, pairs == 1], [-FREE, -self.bonus], np.int64(0))
        highest = np.select([pairs == 0, pairs < self.places], [-self.bonus, np.int64(0)], FREE)
        return least, highest


@dataclass(frozen=True, slots=True)
class Edges:
    """Possible pairs by row, column and points."""

    rows: Ints
    columns: Ints
    points: Ints

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: Ints | Bools) -> "Edges":
        return Edges(self.rows[chosen], self.columns[chosen], self.points[chosen])

    def join(self, other: "Edges", width: int) -> "Edges":
        """The edges of both, each once, sorted by row. `width` is the number of columns."""
        keys = np.concatenate([self.rows * width + self.columns, other.rows * width + other.columns])
        _, first = np.unique(keys, return_index=True)
        both = (
            np.concatenate(parts)
            for parts in ((self.rows, other.rows), (self.columns, other.columns), (self.points, other.points))
        )
        return Edges(*both).take(first)


@dataclass(frozen=True, slots=True)
class Prices:
    """What a place of each mentor and each mentee is worth, in points. A person who would pay for a pair has a negative
    price."""

    mentors: Ints
    mentees: Ints


def best_flow(edges: Edges, mentors: FlowSide, mentees: FlowSide) -> Bools:
    """Which edges the best flow takes. Raises RuntimeError if the solver fails, which valid input does not cause."""
    from ortools.graph.python import min_cost_flow  # late, as processes that never solve need no solver

    if not len(edges):
        return np.zeros(0, dtype=np.bool_)
    solver = min_cost_flow.SimpleMinCostFlow()
    count = len(mentors)
    source, sink = count + len(mentees), count + len(mentees) + 1
    arcs = solver.add_arcs_with_capacity_and_unit_cost(
        edges.rows.astype(np.int32),
        (edges.columns + count).astype(np.int32),
        np.ones(len(edges), dtype=np.int64),
        -edges.points,
    )
    for side, first, hub in ((mentors, 0, source), (mentees, count, sink)):
        people = np.arange(first, first + len(side), dtype=np.int32)
        hubs = np.full(len(side), hub, dtype=np.int32)
        ends = (hubs, people) if hub == source else (people, hubs)
        solver.add_arcs_with_capacity_and_unit_cost(*ends, np.minimum(side.places, 1), -side.bonus)
        solver.add_arcs_with_capacity_and_unit_cost(*ends, np.maximum(side.places - 1, 0), np.zeros_like(side.bonus))
    supply = int(min(mentors.places.sum(), mentees.places.sum()))
    solver.add_arc_with_capacity_and_unit_cost(source, sink, supply, 0)
    solver.set_node_supply(source, supply)
    solver.set_node_supply(sink, -supply)
    status = solver.solve()
    if status != solver.OPTIMAL:
        raise RuntimeError(f"The minimum-cost flow ended with status {status}.")
    return np.asarray(solver.flows(arcs) > 0)


def find_prices(edges: Edges, taken: Bools, mentors: FlowSide, mentees: FlowSide, start: Prices) -> Prices:
    """The least mentors' and highest mentees' prices beyond `start` that prove this flow best among these edges."""
    chosen, others = edges.take(taken), edges.take(~taken)
    least, highest = mentors.bounds(np.bincount(chosen.rows, minlength=len(mentors)))
    floor, ceiling = mentees.bounds(np.bincount(chosen.columns, minlength=len(mentees)))
    order = np.argsort(others.rows, kind="stable")
    others = others.take(order)
    first = np.searchsorted(others.rows, np.arange(len(mentors)))
    some = np.flatnonzero(first < np.append(first[1:], len(others)))
    up, down, shift = start.mentors.copy(), start.mentees.copy(), np.int64(0)
    while True:
        before = up.copy(), down.copy(), shift
        up = np.maximum(up, least + shift)
        if len(others):
            gains = np.maximum.reduceat(others.points - down[others.columns], first[some])
            up[some] = np.maximum(up[some], gains)
        shift = max(shift, np.max(up - highest), np.max(floor - down))
        np.minimum.at(down, chosen.columns, chosen.points - up[chosen.rows])
        down = np.minimum(down, ceiling - shift)
        if shift == before[2] and np.array_equal(up, before[0]) and np.array_equal(down, before[1]):
            return Prices(up - shift, down + shift)
