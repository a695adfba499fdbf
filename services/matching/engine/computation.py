"""One match run as a pure function of its stored inputs: run it again and it gives the same result.

`compute` is eligibility, scoring, assignment and explanation in one row. People are put in an order made of a hash of
their id with the seed: between equally good results the choice neither favours low ids nor depends on the order in
which people were read, and it repeats. Nothing here knows a name.
"""

import gc
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

import numpy as np

from services.matching.engine import reasons, supply, unmatched
from services.matching.engine.reasons import Origin, ProposedPair
from services.matching.engine.rules.eligibility import Couple, Rules
from services.matching.engine.rules.participant import Participant, prepare
from services.matching.engine.rules.pool import Pool
from services.matching.engine.solver import assignment, double_roles
from services.matching.engine.solver.grid import Grid
from services.matching.engine.steering import Steering
from services.matching.engine.unmatched import Unmatched
from shared.contracts.base import Contract
from shared.contracts.intake import PoolPerson, TopicSupply
from shared.contracts.programs import Direction, MatchingPolicy, Objective

CODE_VERSION = "2"
"""Raise when the same inputs would give another result."""


class Held(Contract):
    """Places that a person's offered and live pairs of this cycle take."""

    person_id: UUID
    as_mentor: int = 0
    as_mentee: int = 0


class Inputs(Contract):
    """Everything that the result depends on, in a canonical order: build it with `canonical`."""

    cycle_id: UUID
    """Also the seed of the order that breaks ties."""
    direction: Direction
    policy: MatchingPolicy
    labels: dict[str, str]
    """Topic labels by code, for the reasons."""
    people: tuple[PoolPerson, ...]
    week: date = date(2025, 1, 6)
    """The Monday of the week whose clock times count for meeting windows."""
    held: tuple[Held, ...] = ()
    past: tuple[tuple[UUID, UUID, int], ...] = ()
    """Couples of earlier cycles, and how many cycles ago they last were one."""
    tried: tuple[Couple, ...] = ()
    """Couples that were offered in this cycle already."""
    waited: tuple[UUID, ...] = ()
    """People who found no partner in an earlier cycle."""
    steering: Steering = Steering()

    def hash(self) -> str:
        return hashlib.sha256(f"{CODE_VERSION}\n{self.model_dump_json()}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Total:
    """What the objective counts: people newly in a pair (none under `quality_first`), then points."""

    people: int
    points: int


@dataclass(frozen=True, slots=True)
class Result:
    """`total` leaves out pins and pairs by hand, which are not chosen. `bound` is what no choice can exceed."""

    pairs: tuple[ProposedPair, ...]
    unmatched: tuple[Unmatched, ...]
    mentors: int
    mentees: int
    total: Total
    bound: Total
    supply: tuple[TopicSupply, ...]

    @property
    def certified(self) -> bool:
        """Proven to be the best there is."""
        return self.total == self.bound


def canonical(inputs: Inputs) -> Inputs:
    """The same inputs in the one order that their hash is taken of; couples of people outside the pool are dropped."""
    pool = {person.person_id for person in inputs.people}

    def ordered(couples: Iterable[Couple]) -> tuple[Couple, ...]:
        return tuple(sorted({(min(couple), max(couple)) for couple in couples if pool.issuperset(couple)}))

    past: dict[Couple, int] = {}
    for one, other, ago in inputs.past:
        for couple in ordered([(one, other)]):
            past[couple] = min(ago, past.get(couple, ago))
    return inputs.model_copy(
        update={
            "labels": dict(sorted(inputs.labels.items())),
            "people": tuple(sorted(inputs.people, key=lambda person: person.person_id)),
            "held": tuple(sorted(inputs.held, key=lambda held: held.person_id)),
            "past": tuple((*couple, ago) for couple, ago in sorted(past.items())),
            "tried": ordered(inputs.tried),
            "waited": tuple(sorted(pool.intersection(inputs.waited))),
        }
    )


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Stops the search for reference cycles, which nothing here makes: with many objects alive, and thousands of
    reasons made, it takes a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_without_collecting()
def compute(inputs: Inputs, beat: Callable[[], None] = lambda: None) -> Result:
    """Pairs for the people who have places left, and a reason for everyone who is in no pair. `beat` is called while
    it computes."""
    rules = rules_of(inputs)
    pool = Pool(participants(inputs))
    grid = Grid(pool, rules)
    solution, unit = _solve(grid, rules, beat)
    fixed = _fixed_pairs(pool, inputs.steering)
    pairs = reasons.explain_pairs(grid, solution, unit, fixed, inputs.labels)
    matched = {person_id for pair in pairs for person_id in (pair.mentor_id, pair.mentee_id)}
    left = [index for index, person in enumerate(pool.people) if not person.paired and person.person_id not in matched]
    beat()
    return Result(
        pairs=pairs,
        unmatched=unmatched.explain(grid, left, _places_left(pool, pairs)),
        mentors=sum(person.is_mentor for person in pool.people),
        mentees=sum(person.is_mentee for person in pool.people),
        total=_total(solution, unit),
        bound=_total(solution, unit, solution.bound - solution.value),
        supply=supply.topic_supply(pool, inputs.labels),
    )


def rules_of(inputs: Inputs) -> Rules:
    steering = inputs.steering
    fixed = [(pair.mentor_id, pair.mentee_id) for pair in (*steering.pins, *steering.by_hand)]
    return Rules(
        direction=inputs.direction,
        policy=steering.policy or inputs.policy,
        past={(one, other): ago for one, other, ago in inputs.past},
        tried=frozenset((*inputs.tried, *fixed)),
        forbidden=frozenset((couple.mentor_id, couple.mentee_id) for couple in steering.forbidden),
    )


def participants(inputs: Inputs) -> list[Participant]:
    """The pool in the order that breaks ties. Pinned pairs and pairs by hand take places like pairs that stand."""
    steering = inputs.steering
    fixed = (*steering.pins, *steering.by_hand)
    mentoring = Counter(pair.mentor_id for pair in fixed)
    learning = Counter(pair.mentee_id for pair in fixed)
    for held in inputs.held:
        mentoring[held.person_id] += held.as_mentor
        learning[held.person_id] += held.as_mentee
    waited, dropped = frozenset(inputs.waited), frozenset(steering.dropped)
    week = datetime(inputs.week.year, inputs.week.month, inputs.week.day, 12, tzinfo=UTC)

    def order(person: PoolPerson) -> bytes:
        return hashlib.sha256(inputs.cycle_id.bytes + person.person_id.bytes).digest()

    return [
        prepare(
            person,
            week,
            as_mentor=mentoring[person.person_id],
            as_mentee=learning[person.person_id],
            waited=person.person_id in waited,
            dropped=person.person_id in dropped,
        )
        for person in sorted(inputs.people, key=order)
    ]


def _solve(grid: Grid, rules: Rules, beat: Callable[[], None]) -> tuple[assignment.Solution, int]:
    """The solution, and the bonus of a person in it. A bonus that turns out too small to outweigh all points is
    raised."""
    people = grid.pool.people
    mentor_places = grid.pool.mentor_places[grid.rows]
    mentee_places = grid.pool.mentee_places[grid.columns]
    counts = rules.policy.objective is Objective.COVERAGE_FIRST
    unit = assignment.BONUS
    while True:
        bonus = np.asarray([unit * (counts and not person.paired) for person in people], dtype=np.int64)
        solution = double_roles.solve_once_each(grid, mentor_places, mentee_places, bonus, beat)
        if not counts or assignment.lexicographic(solution.prices, unit):
            return solution, unit
        unit *= 2**8


def _total(solution: assignment.Solution, unit: int, more: int = 0) -> Total:
    """The solution's value with `more` added, split into people and points: what lies between two numbers of people
    belongs to the nearer one."""
    points = int(solution.pairs.points.sum())
    people = (more + unit // 2) // unit
    return Total((solution.value - points) // unit + people, points + more - people * unit)


def _places_left(pool: Pool, pairs: Iterable[ProposedPair]) -> tuple[Counter[int], Counter[int]]:
    """Free places as mentor and as mentee, by index in the pool. Fixed pairs have taken theirs already."""
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
