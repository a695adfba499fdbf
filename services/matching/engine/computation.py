"""One match run as a pure function of its inputs: computed again from the same inputs, it gives the same result.

`compute` joins the steps in one place: eligibility and scoring, assignment, and the explanations.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from services.matching.engine import reasons, supply, unmatched
from services.matching.engine.inputs import Inputs, participants, rules_of
from services.matching.engine.reasons import Origin, ProposedPair
from services.matching.engine.rules.eligibility import Rules
from services.matching.engine.rules.pool import Pool
from services.matching.engine.solver import assignment, double_roles
from services.matching.engine.solver.grid import Grid
from services.matching.engine.steering import Steering
from services.matching.engine.unmatched import Unmatched
from shared.contracts.intake import TopicSupply
from shared.contracts.programs import Objective


@dataclass(frozen=True, slots=True)
class Total:
    """What the objective counts: first people newly in a pair (none under `quality_first`), then points."""

    people: int
    points: int


@dataclass(frozen=True, slots=True)
class Result:
    """`total` counts the pairs that were chosen, without pins and pairs by hand. No choice of pairs has a higher total
    than `bound`."""

    pairs: tuple[ProposedPair, ...]
    unmatched: tuple[Unmatched, ...]
    mentors: int
    mentees: int
    total: Total
    bound: Total
    supply: tuple[TopicSupply, ...]

    @property
    def certified(self) -> bool:
        """The result is proven to be the best possible one."""
        return self.total == self.bound


def compute(inputs: Inputs, heartbeat: Callable[[], None] = lambda: None) -> Result:
    """Pairs for the people who have places left, and a reason for everyone who is in no pair. `heartbeat` is called
    between the steps; what it raises ends the computation."""
    rules = rules_of(inputs)
    pool = Pool(participants(inputs))
    grid = Grid(pool, rules)
    solution, unit = _solve(grid, rules, heartbeat)
    fixed = _fixed_pairs(pool, inputs.steering)
    pairs = reasons.explain_pairs(grid, solution, unit, fixed, inputs.labels)
    matched = {person_id for pair in pairs for person_id in (pair.mentor_id, pair.mentee_id)}
    left = [index for index, person in enumerate(pool.people) if not person.paired and person.person_id not in matched]
    heartbeat()
    return Result(
        pairs=pairs,
        unmatched=unmatched.explain(grid, left, _places_left(pool, pairs)),
        mentors=sum(person.is_mentor for person in pool.people),
        mentees=sum(person.is_mentee for person in pool.people),
        total=_total(solution, unit),
        bound=_total(solution, unit, solution.bound - solution.value),
        supply=supply.topic_supply(pool, inputs.labels),
    )


def _solve(grid: Grid, rules: Rules, heartbeat: Callable[[], None]) -> tuple[assignment.Solution, int]:
    """The solution, and the bonus that it earns for each matched person. When a bonus turns out to be too small to
    outweigh all points, the problem is solved again with a larger one."""
    people = grid.pool.people
    mentor_places = grid.pool.mentor_places[grid.rows]
    mentee_places = grid.pool.mentee_places[grid.columns]
    counts = rules.policy.objective is Objective.COVERAGE_FIRST
    unit = assignment.BONUS
    while True:
        bonus = np.asarray([unit * (counts and not person.paired) for person in people], dtype=np.int64)
        solution = double_roles.solve_once_each(grid, mentor_places, mentee_places, bonus, heartbeat)
        if not counts or assignment.lexicographic(solution.prices, unit):
            return solution, unit
        unit *= 2**8


def _total(solution: assignment.Solution, unit: int, more: int = 0) -> Total:
    """The solution's value plus `more`, split into people and points. A value between two numbers of people belongs to
    the nearer one."""
    points = int(solution.pairs.points.sum())
    people = (more + unit // 2) // unit
    return Total((solution.value - points) // unit + people, points + more - people * unit)


def _places_left(pool: Pool, pairs: Iterable[ProposedPair]) -> tuple[Counter[int], Counter[int]]:
    """The places that are left as mentor and as mentee, by index in the pool. Fixed pairs took theirs beforehand."""
    mentors = Counter({index: person.mentor_places for index, person in enumerate(pool.people)})
    mentees = Counter({index: person.mentee_places for index, person in enumerate(pool.people)})
    for pair in pairs:
        if pair.origin is Origin.MATCHED:
            mentors[pool.index[pair.mentor_id]] -= 1
            mentees[pool.index[pair.mentee_id]] -= 1
    return mentors, mentees


def _fixed_pairs(pool: Pool, steering: Steering) -> list[tuple[int, int, Origin]]:
    return [
        (pool.index[pair.mentor_id], pool.index[pair.mentee_id], origin)
        for origin, pairs in ((Origin.PINNED, steering.pins), (Origin.BY_HAND, steering.by_hand))
        for pair in pairs
    ]
