"""Who meets whom: the exact best choice among all eligible couples, without holding all of them in memory.

The objective `coverage_first` has two parts, in this order; `quality_first` is the second part alone:

1. as many people as possible are in at least one pair (people who are in one already do not count again);
2. the sum of the chosen couples' points is as large as possible.

The method is column generation on the linear program of the assignment problem, whose solutions are whole numbers (Kuhn
1955; Dantzig and Wolfe 1960). A tenth of the people is solved first, by the same method. The prices of this sample show
which couples can matter: a few dozen for each person. These edges are solved exactly. Then the prices of the flow are
compared with *every* couple, block by block. A couple whose points exceed its two prices could improve the result: the
best such couples are added, and the edges are solved again. When no such couple is left, the prices are the proof:
`Solution.bound` is an upper bound of every possible result, and equals the result. Pure: people are rows and columns.
The caller decides their order, and ties are broken by this order alone.
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
"""What the first pair of each person earns: far more than any score. `lexicographic` says whether it was enough."""
EXACT = 2**24
"""Whole numbers up to here are exact as float32."""
FEW = 300
"""Up to so many mentors and so many mentees are solved with all their couples."""
SHARE = 10
"""One of so many people is in the sample."""
CLOSE = 40
"""About how many couples of each mentor, and of each mentee, are among the first candidates."""
NEAR = 300
"""Couples that lie at most so many points below their prices are added too, because prices will still move a little."""
BETTER = 12
"""How many couples of each mentor are added at once, at most."""


NOTHING = np.zeros(0, dtype=np.int64)
NO_EDGES = Edges(NOTHING, NOTHING, NOTHING)


@dataclass(frozen=True, slots=True)
class Solution:
    """`pairs` are rows and columns of the grid, and `value` is what they earn, in points and bonuses. No choice has a
    higher value than `bound`. `edges` are the couples that came near to being chosen."""

    pairs: Edges
    edges: Edges
    prices: Prices
    value: int
    bound: int
    beyond: int = 0
    """How far the bound that these prices give lies above the value. `bound` may be lower, by another proof."""
    sides: tuple[FlowSide, FlowSide] | None = None
    """The mentors and mentees of the flow, if its prices prove the result."""

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
    """The value that no choice of pairs exceeds, by weak duality: selling each place at its price, and keeping the
    surplus of every couple over its two prices, earns at least as much as any choice."""
    return surplus + _kept(mentors, prices.mentors) + _kept(mentees, prices.mentees)


def lexicographic(prices: Prices, bonus: int = BONUS) -> bool:
    """Whether these prices would prove the result for every higher bonus too, so that no number of points outweighs a
    person. They do if each price is a multiple of the bonus plus or minus less than a quarter of it: with a higher
    bonus in each multiple, no condition of optimality changes its sign."""
    both = np.concatenate([prices.mentors, prices.mentees])
    return not len(both) or bool(np.abs(both - np.rint(both / bonus).astype(np.int64) * bonus).max() < bonus // 4)


def value(pairs: Edges, mentors: FlowSide, mentees: FlowSide) -> int:
    """Points and bonuses of these pairs."""
    earned = mentors.earned(np.bincount(pairs.rows, minlength=len(mentors)))
    earned += mentees.earned(np.bincount(pairs.columns, minlength=len(mentees)))
    return earned + int(pairs.points.sum())


@dataclass(frozen=True, slots=True)
class Priced:
    """`surplus` is by how much all couples together exceed their prices. `count` is how many of these are outside the
    result, and `better` are the best of those, with some that come near."""

    surplus: int
    better: Edges
    count: int


def price(grid: Grid, prices: Prices, pairs: Edges) -> Priced:
    """Compares the prices with every couple."""
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
    """The most that places can earn at these prices: each person has no pair, or one, or one for each place."""
    one = np.where(side.places > 0, side.bonus + prices, 0)
    full = np.where(side.places > 0, side.bonus + side.places * prices, 0)
    return int(np.maximum(np.maximum(one, full), 0).sum())


def _rough_prices(grid: Grid, mentors: FlowSide, mentees: FlowSide) -> Prices:
    """Prices that are about right: the prices of a sample, and for everybody else the price at which their best couple
    with somebody of the sample neither gains nor loses."""
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
    """The couples of each person that exceed their prices by the most, or come nearest to them."""
    near = _Nearness(grid, prices)
    rows, columns = _sample(grid.shape[0]), _sample(grid.shape[1])
    above = near.part(rows, np.arange(grid.shape[1]))
    beside = near.part(np.arange(grid.shape[0]), columns)
    # If k of a person's couples with a sample lie above a limit, about k * whole / sample of all their couples do.
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
    """By how much couples exceed their prices. Equal ones are told apart by a fraction of a point, which is spread
    evenly, so that not everybody chooses the same partner."""

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
    """The k-th highest along the axis, at least the second; the lowest if there are fewer."""
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
