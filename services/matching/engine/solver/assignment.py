"""Who meets whom: the exact best choice among all eligible couples, without ever holding them all.

The objective, in this order (`coverage_first`; the other one, `quality_first`, is its second half alone):

1. as many people as possible are in at least one pair (people who already are in one count for nothing more);
2. the sum of the chosen couples' points is as large as possible.

The method is column generation on the assignment problem's linear program, whose solutions are whole (Kuhn 1955;
Dantzig and Wolfe 1960). A tenth of the people is solved first, by the same method; its prices tell which couples can
matter, a few dozen a person. Those edges are solved exactly; the flow's prices are then held against *every* couple,
block by block. A couple whose points exceed the two prices could improve the result: the best such are added, and
again. When none is left, the prices are the proof: `Solution.bound` is an upper bound of every possible result, and
equals the result. Pure: people are rows and columns; the caller orders them, and ties fall by that order alone.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.matching.engine.rules.pool import Bools, Floats, Ints
from services.matching.engine.solver.flow import Edges, FlowSide, Prices, best_flow, find_prices
from services.matching.engine.solver.grid import Grid

BONUS = 2**20
"""Earned by the first pair of each person: far above any score. `lexicographic` tells whether it was enough."""
EXACT = 2**24
"""Whole numbers up to here are exact as float32."""
FEW = 300
"""So many people a side are solved with all their couples."""
SHARE = 10
"""One in so many people is in the sample."""
CLOSE = 40
"""Couples of each mentor, and of each mentee, among the first candidates, about."""
NEAR = 300
"""Couples so few points below their prices are added beside those above them, as prices will still move a little."""
BETTER = 12
"""Couples of each mentor that are added at once."""


NOTHING = np.zeros(0, dtype=np.int64)
NO_EDGES = Edges(NOTHING, NOTHING, NOTHING)


@dataclass(frozen=True, slots=True)
class Solution:
    """`pairs` are rows and columns of the grid; `value` is what they earn, points and bonuses; `bound` is what no
    choice can exceed. `edges` are the couples that came near."""

    pairs: Edges
    edges: Edges
    prices: Prices
    value: int
    bound: int
    beyond: int = 0
    """How far the bound of these prices alone lies above the value (`bound` may have another proof)."""
    sides: tuple[FlowSide, FlowSide] | None = None
    """The flow's mentors and mentees, when the prices prove the result."""

    @property
    def certified(self) -> bool:
        return self.value == self.bound


def solve(
    grid: Grid,
    mentors: FlowSide,
    mentees: FlowSide,
    heartbeat: Callable[[], None] = lambda: None,
    known: Solution | None = None,
) -> Solution:
    """The best choice, proven. `heartbeat` is called between the steps. `known` is the solution of the same problem
    with other bonuses: the search starts from its edges and prices."""
    if 0 in grid.shape:
        return Solution(NO_EDGES, NO_EDGES, Prices(-mentors.bonus, -mentees.bonus), 0, 0)
    prices = known.prices if known else _rough_prices(grid, mentors, mentees)
    edges = known.edges if known else _candidates(grid, prices)
    while True:
        heartbeat()
        taken, prices = _solve_edges(edges, mentors, mentees, prices)
        pairs = edges.take(taken)
        heartbeat()
        priced = price(grid, prices, pairs)
        if not priced.count:
            best = value(pairs, mentors, mentees)
            bound = upper_bound(prices, mentors, mentees, priced.surplus)
            return Solution(pairs, edges, prices, best, bound, sides=(mentors, mentees))
        edges = edges.join(priced.better, grid.shape[1])


def upper_bound(prices: Prices, mentors: FlowSide, mentees: FlowSide, surplus: int) -> int:
    """Weak duality: whoever sells each place at its price and keeps the surplus of every couple over its prices earns
    at least as much as any choice of pairs."""
    return surplus + _kept(mentors, prices.mentors) + _kept(mentees, prices.mentees)


def lexicographic(prices: Prices, bonus: int = BONUS) -> bool:
    """Whether these prices would prove the result for every higher bonus too, so that no number of points outweighs a
    person: each is a multiple of the bonus and less than a quarter of it besides. (Put a higher bonus into each
    multiple: no condition of optimality changes its sign.)"""
    both = np.concatenate([prices.mentors, prices.mentees])
    return not len(both) or bool(np.abs(both - np.rint(both / bonus).astype(np.int64) * bonus).max() < bonus // 4)


def value(pairs: Edges, mentors: FlowSide, mentees: FlowSide) -> int:
    """Points and bonuses of these pairs."""
    earned = mentors.earned(np.bincount(pairs.rows, minlength=len(mentors)))
    earned += mentees.earned(np.bincount(pairs.columns, minlength=len(mentees)))
    return earned + int(pairs.points.sum())


@dataclass(frozen=True, slots=True)
class Priced:
    """`surplus` is how much all couples together exceed their prices; `count` of them are outside the result. `better`
    are the best of these, and some that come near."""

    surplus: int
    better: Edges
    count: int


def price(grid: Grid, prices: Prices, pairs: Edges) -> Priced:
    """Holds the prices against every couple."""
    highest = np.abs(prices.mentors).max() + np.abs(prices.mentees).max()
    kind: type[np.floating[Any]] = np.float32 if highest + BONUS < EXACT else np.float64
    up, down = prices.mentors.astype(kind)[:, None], prices.mentees.astype(kind)
    known = np.sort(pairs.rows * grid.shape[1] + pairs.columns)

    def look(rows: slice, scores: Floats) -> Priced:
        over = scores - down.astype(kind)
        over -= up[rows]
        row, column = np.nonzero(over > -NEAR)
        real = scores[row, column] >= 0
        row, column = row[real], column[real]
        gain = over[row, column]
        new = np.flatnonzero(~np.isin((row + rows.start) * grid.shape[1] + column, known))
        order = new[np.lexsort((-gain[new], row[new]))]
        rank = np.arange(len(order)) - np.searchsorted(row[order], row[order])
        best = order[rank < BETTER]
        above = gain > 0
        count = int(np.count_nonzero(above[new]))
        return Priced(
            int(gain[above].sum(dtype=np.float64)), _edges(scores, row[best], column[best], rows.start), count
        )

    seen = grid.sweep(look)
    better = _concatenate([part.better for part in seen])
    return Priced(sum(part.surplus for part in seen), better, sum(part.count for part in seen))


def _solve_edges(edges: Edges, mentors: FlowSide, mentees: FlowSide, start: Prices) -> tuple[Bools, Prices]:
    taken = best_flow(edges, mentors, mentees)
    return taken, find_prices(edges, taken, mentors, mentees, start)


def _kept(side: FlowSide, prices: Ints) -> int:
    """The most that places can earn at these prices: with no pair, with one, or with all places."""
    one = np.where(side.places > 0, side.bonus + prices, 0)
    full = np.where(side.places > 0, side.bonus + side.places * prices, 0)
    return int(np.maximum(np.maximum(one, full), 0).sum())


def _rough_prices(grid: Grid, mentors: FlowSide, mentees: FlowSide) -> Prices:
    """Prices that are about right: those of a sample, and for the others the price at which their best couple with
    one of the sample neither gains nor loses."""
    none = Prices(-mentors.bonus, -mentees.bonus)
    if max(grid.shape) <= FEW:
        return _solve_edges(all_edges(grid), mentors, mentees, none)[1]
    rows, columns = _sample(len(mentors)), _sample(len(mentees))
    part, sides = grid.part(rows, columns), (mentors.part(rows), mentees.part(columns))
    rough = _rough_prices(part, *sides)
    if max(part.shape) > FEW:
        _, rough = _solve_edges(_candidates(part, rough), *sides, rough)
    over = grid.part(rows, np.arange(len(mentees)))
    reach = over.sweep(lambda some, scores: (scores - _float(rough.mentors[some, None])).max(axis=0))
    down = np.maximum(np.max(reach, axis=0).astype(np.int64), none.mentees)
    beside = grid.part(np.arange(len(mentors)), columns)
    own = beside.sweep(lambda _, scores: (scores - _float(down[columns])).max(axis=1))
    return Prices(np.maximum(np.concatenate(own).astype(np.int64), none.mentors), down)


def _sample(count: int) -> Ints:
    """Evenly spread indexes."""
    return np.unique(np.linspace(0, count - 1, min(count, max(FEW, count // SHARE))).astype(np.int64))


def _candidates(grid: Grid, prices: Prices) -> Edges:
    """The couples of each person that come nearest to their prices, or exceed them most."""
    near = _Nearness(grid, prices)
    rows, columns = _sample(grid.shape[0]), _sample(grid.shape[1])
    above = near.part(rows, np.arange(grid.shape[1]))
    beside = near.part(np.arange(grid.shape[0]), columns)
    # As many of a person's couples lie above the k-th best with a sample as k sample sizes go into the whole.
    least_column = _kth_best(np.concatenate(above.sweep()), CLOSE * len(rows) // grid.shape[0], 0)
    least_row = np.concatenate([_kth_best(over, CLOSE * len(columns) // grid.shape[1], 1) for over in beside.sweep()])

    def look(rows: slice, scores: Floats) -> Edges:
        over = near(rows, scores)
        close = over >= least_row[rows, None]
        close |= over >= least_column
        row, column = np.nonzero(close)
        return _edges(scores, row, column, rows.start)

    return _concatenate(grid.sweep(look))


class _Nearness:
    """How much couples exceed their prices. Equals are told apart by a fraction of a point, spread evenly, lest all
    choose the same."""

    def __init__(self, grid: Grid, prices: Prices) -> None:
        self._grid = grid
        self._up, self._down = _float(prices.mentors)[:, None], _float(prices.mentees)
        self._row = _float(np.arange(grid.shape[0]) * 0.7548776662466927 % 1)[:, None]
        self._column = _float(np.arange(grid.shape[1]) * 0.5698402909980532 % 1)

    def __call__(self, rows: slice, scores: Floats) -> Floats:
        over: Floats = self._row[rows] + self._column
        over -= over >= 1
        over += scores
        over -= self._down
        over -= self._up[rows]
        return over

    def part(self, rows: Ints, columns: Ints) -> "_Nearness":
        part = copy(self)
        part._grid = self._grid.part(rows, columns)
        part._up, part._row = self._up[rows], self._row[rows]
        part._down, part._column = self._down[columns], self._column[columns]
        return part

    def sweep(self) -> list[Floats]:
        return self._grid.sweep(self)


def _kth_best(over: Floats, k: int, axis: int) -> Floats:
    """The k-th highest (from 1, at least the second) along the axis; the lowest if there are fewer."""
    k = min(max(k, 2), over.shape[axis])
    return np.asarray(np.partition(over, over.shape[axis] - k, axis=axis).take(over.shape[axis] - k, axis=axis))


def all_edges(grid: Grid) -> Edges:
    """Every eligible couple: for small grids."""
    return _concatenate(grid.sweep(_eligible))


def _eligible(rows: slice, scores: Floats) -> Edges:
    row, column = np.nonzero(scores >= 0)
    return _edges(scores, row, column, rows.start)


def _edges(scores: Floats, row: Ints, column: Ints, first: int) -> Edges:
    points = scores[row, column].astype(np.int64)
    real = points >= 0
    return Edges(row[real] + first, column[real], points[real])


def _concatenate(edges: list[Edges]) -> Edges:
    return Edges(*(np.concatenate([getattr(part, name) for part in edges]) for name in ("rows", "columns", "points")))


def _float(numbers: npt.NDArray[Any]) -> Floats:
    return numbers.astype(np.float32)
