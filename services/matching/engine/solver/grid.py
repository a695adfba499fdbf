"""The scores of all couples, computed for a block of mentors at a time, so that the whole matrix never exists.

A rule that looks at one trait is a small table over the trait's values. A table can be written as a matrix product of
one-hot columns, and the topic fit is a matrix product too, so all of them are columns of one product of float32
matrices. It is exact, because every entry and every sum is a whole number below 2**24. Rules about single couples
(reporting lines, wishes) are written into the block afterwards. The rules themselves are those of `eligibility` and
`scoring`, asked once for each table. Pure, but for the threads in which blocks are computed.
"""

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from services.matching.engine.rules import eligibility, scoring
from services.matching.engine.rules.eligibility import Rules
from services.matching.engine.rules.pool import Floats, Ints, Pool, Trait, Values
from services.matching.engine.rules.scoring import Preference
from shared.contracts.programs import Direction

Seen = TypeVar("Seen")
Matrix = npt.NDArray[Any]
NEVER = -1.0
"""The score of every couple that may not meet; the others score 0 or more."""
FORBIDDEN = float(2**22)
"""Subtracted for each violated constraint: it is more than any score and price, and three times it is still exact."""
BLOCK = 256
"""Mentors in a block. With ten thousand mentees a block has ten megabytes, which stay in the processor's cache."""
FEW_VALUES = 192
"""A trait in LARGE with more values than this is not made into a table."""
LARGE = (Trait.SLOTS, Trait.MANAGER)
"""Instead, half hours in common get a matrix product of their own, and people who share a manager are handled by
team."""
LARGE_TEAM = 64
"""A larger team gets a column of the product. The couples of a smaller team are named one by one."""


@dataclass(frozen=True, slots=True)
class Singles:
    """Changes to the scores of single couples, sorted by row."""

    rows: Ints
    columns: Ints
    added: Floats

    def within(self, start: int, stop: int) -> slice:
        return slice(*np.searchsorted(self.rows, (start, stop)).tolist())

    def part(self, row: Ints, column: Ints) -> "Singles":
        """The changes of a part of the grid: `row` and `column` give each old index its new one, or -1."""
        rows, columns = row[self.rows], column[self.columns]
        here = (rows >= 0) & (columns >= 0)
        order = np.argsort(rows[here], kind="stable")
        return Singles(rows[here][order], columns[here][order], self.added[here][order])


class Grid:
    """Its rows are the pool's mentors with free places, its columns the mentees with free places."""

    def __init__(self, pool: Pool, rules: Rules) -> None:
        self.pool, self.rules = pool, rules
        self.rows, self.columns = pool.mentors, pool.mentees
        self.blocked = eligibility.blocked_couples(pool, rules)
        self._floor = scoring.floor_points(rules)
        left: list[Matrix] = []
        right: list[Matrix] = []
        for trait in Trait:
            if (table := self._table(trait)) is not None:
                of = pool.traits[trait].of
                left.append(table[of[self.rows]])
                right.append(_one_hot(of[self.columns], table.shape[1]))
        if (teams := self._large_teams()) is not None:
            left.append(-FORBIDDEN * teams[self.rows])
            right.append(teams[self.columns])
        waited = scoring.POINTS // 2 * scoring.weight(rules, Preference.WAITED) * pool.waited
        ones = np.ones((len(pool), 1))
        left += [waited[self.rows, None], ones[self.rows]]
        right += [ones[self.columns], waited[self.columns, None]]
        self._forth = pool.taught[self.rows], self._wish(self.columns)
        self._back = self._wish(self.rows), pool.taught[self.columns]
        if rules.direction is not Direction.MUTUAL:
            left.append(self._forth[0])
            right.append(self._forth[1])
        self._left, self._right = _float(np.hstack(left)), _float(np.hstack(right)).T.copy()
        self._singles = self._find_singles()
        self._windows = self._find_windows()

    def part(self, rows: Ints, columns: Ints) -> "Grid":
        """The grid of these rows and columns alone, which must be in rising order."""
        part = copy(self)
        part.rows, part.columns = self.rows[rows], self.columns[columns]
        part._left, part._right = self._left[rows], np.ascontiguousarray(self._right[:, columns])
        part._forth = self._forth[0][rows], self._forth[1][columns]
        part._back = self._back[0][rows], self._back[1][columns]
        part._singles = self._singles.part(_places(rows, self.shape[0]), _places(columns, self.shape[1]))
        if self._windows is not None:
            left, right, fewest = self._windows
            part._windows = left[rows], np.ascontiguousarray(right[:, columns]), fewest
        return part

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), len(self.columns)

    def sweep(self, look: Callable[[slice, Floats], Seen]) -> list[Seen]:
        """What `look` finds in each block, in order. It gets the block's rows and their scores, which it may change.
        Blocks are computed in several threads, one for each processor."""
        blocks = [slice(start, min(start + BLOCK, self.shape[0])) for start in range(0, self.shape[0], BLOCK)]
        return list(_processors().map(lambda rows: look(rows, self.scores(rows)), blocks))

    def scores(self, rows: slice) -> Floats:
        """The scores of these rows with all columns: NEVER, or less, where a constraint is violated."""
        block = self._left[rows] @ self._right
        if self.rules.direction is Direction.MUTUAL:
            forth, back = (_float(left[rows]) @ _float(right).T for left, right in (self._forth, self._back))
            block += np.minimum(forth, back)
        if self._windows is not None:
            left, right, fewest = self._windows
            slots = left[rows] @ right
            if fewest:
                block[slots < fewest] = NEVER - FORBIDDEN
            np.minimum(slots, scoring.ENOUGH_SLOTS, out=slots)
            slots *= scoring.POINTS_A_SLOT * scoring.weight(self.rules, Preference.MEETING_WINDOWS)
            block += slots
        part = self._singles.within(rows.start, rows.stop)
        np.add.at(
            block, (self._singles.rows[part] - rows.start, self._singles.columns[part]), self._singles.added[part]
        )
        if self._floor:
            block[block < self._floor] = NEVER
        return block

    def _table(self, trait: Trait) -> Matrix | None:
        """What each two values add to a score; None when no rule looks at this trait, or when it has too many
        values."""
        values = self.pool.traits[trait]
        if trait in LARGE and self._has_many(values):
            return None
        one, other = values.example[:, None], values.example[None, :]
        rules = [rule for rule in eligibility.TRAIT_RULES if rule.trait is trait and rule.applies(self.rules)]
        preferences = [found for found in scoring.TRAIT_VALUES if found.trait is trait]
        preferences = [found for found in preferences if scoring.weight(self.rules, found.preference)]
        if not rules and not preferences:
            return None
        table = np.zeros((len(values.example), len(values.example)))
        for found in preferences:
            table += scoring.weight(self.rules, found.preference) * found.value(self.pool, self.rules, one, other)
        for rule in rules:
            table -= FORBIDDEN * rule.violated(self.pool, self.rules, one, other)
        return table

    def _has_many(self, values: Values) -> bool:
        return len(values.example) > FEW_VALUES

    def _find_windows(self) -> tuple[Floats, Floats, float] | None:
        """The two matrices whose product is the number of half hours in common, and the smallest number allowed. Half
        hours in which the same people are free share one column, which counts for all of them."""
        if not self._has_many(self.pool.traits[Trait.SLOTS]):
            return None
        alike = Counter(column.tobytes() for column in self.pool.slots.T)
        kinds = np.frombuffer(b"".join(alike), dtype=np.uint8).reshape(len(alike), len(self.pool)).T
        counts = np.asarray(list(alike.values()))
        fewest = self.rules.policy.min_common_hours * eligibility.SLOTS_AN_HOUR
        return _float(kinds[self.rows] * counts), _float(kinds[self.columns]).T.copy(), fewest

    def _find_singles(self) -> Singles:
        """Wishes add points. A couple that a constraint names gets so much less that it is never eligible."""
        weight = scoring.weight(self.rules, Preference.WISHES)
        wished = scoring.wish_points_by_couple(self.pool) if weight else {}
        couples = np.asarray(list(wished), dtype=np.int64).reshape(-1, 2)
        points = weight * np.asarray(list(wished.values()), dtype=np.int64)
        keys = np.unique(np.concatenate([*self.blocked.values(), self._small_teams()]))
        mentors, mentees = np.divmod(keys, max(len(self.pool), 1))
        found = Singles(
            np.concatenate([couples[:, 0], mentors]),
            np.concatenate([couples[:, 1], mentees]),
            _float(np.concatenate([points, np.full(len(keys), -FORBIDDEN)])),
        )
        return found.part(_places(self.rows, len(self.pool)), _places(self.columns, len(self.pool)))

    def _teams(self) -> Ints | None:
        """For each person, how many have the same manager; None if that is no rule, or a table already."""
        values = self.pool.traits[Trait.MANAGER]
        if not self.rules.policy.same_manager or not self._has_many(values):
            return None
        return np.bincount(values.of)[values.of]

    def _large_teams(self) -> Matrix | None:
        """One row for each person, one column for each large team."""
        if (sizes := self._teams()) is None or not (sizes > LARGE_TEAM).any():
            return None
        managers = self.pool.traits[Trait.MANAGER].of
        return np.asarray(managers[:, None] == np.unique(managers[sizes > LARGE_TEAM]), dtype=np.float32)

    def _small_teams(self) -> Ints:
        """The keys of every two people of the same small team."""
        if (sizes := self._teams()) is None:
            return self.pool.keys(())
        people = np.flatnonzero((sizes > 1) & (sizes <= LARGE_TEAM))
        people = people[np.argsort(self.pool.traits[Trait.MANAGER].of[people], kind="stable")]
        ends = np.split(people, np.flatnonzero(np.diff(self.pool.traits[Trait.MANAGER].of[people])) + 1)
        return np.concatenate(
            [self.pool.keys(()), *(self.pool.key(team[:, None], team[None, :]).ravel() for team in ends)]
        )

    def _wish(self, people: Ints) -> Ints:
        return self.pool.wanted[people] * scoring.weight(self.rules, Preference.TOPICS)


@cache
def _processors() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="matching-blocks")


def _one_hot(values: Ints, count: int) -> Matrix:
    return np.asarray(values[:, None] == np.arange(count), dtype=np.float64)


def _places(people: Ints, count: int) -> Ints:
    """For each person, the index of their row (or column), or -1 if they have none."""
    places = np.full(count, -1, dtype=np.int64)
    places[people] = np.arange(len(people))
    return places


def _float(matrix: Matrix) -> Floats:
    return np.ascontiguousarray(matrix, dtype=np.float32)
