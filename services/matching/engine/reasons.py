"""Why two people are a pair: where the points come from, in words, and which other couples were nearly chosen.

An alternative's cost is exact in small pools (`exchange`). In others it is read off the prices: a couple that is left
out falls short of its two prices by an amount that the total would lose, at least, if it were forced (less what the
prices' bound lies above the total). Pure; nobody's name is known here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import numpy as np

from services.matching.engine.rules import eligibility, scoring
from services.matching.engine.rules.eligibility import SLOTS_AN_HOUR, Rules
from services.matching.engine.rules.participant import DAYS, SLOTS_A_WEEK, TAUGHT_QUARTERS, Participant
from services.matching.engine.rules.pool import Bools, Ints, Pool
from services.matching.engine.rules.scoring import Preference
from services.matching.engine.solver.assignment import Solution, all_edges
from services.matching.engine.solver.exchange import exact_costs
from services.matching.engine.solver.flow import Edges
from services.matching.engine.solver.grid import Grid
from shared.contracts.intake import TeachingLevel
from shared.contracts.programs import Direction, LocationPreference

ALTERNATIVES = 2
"""So many are told for each side of a pair."""
EXACT_UP_TO = 200
"""Mentors and mentees with free places of a pool in which alternatives' costs are exact."""
ORDINALS = ("first", "second", "third", "fourth", "fifth")
LEVELS = {TAUGHT_QUARTERS[level]: level.name.lower() for level in TeachingLevel}
SLOTS_A_DAY = SLOTS_A_WEEK // 7


class Origin(StrEnum):
    MATCHED = "matched"
    PINNED = "pinned"
    BY_HAND = "by_hand"


class Alternative(NamedTuple):
    """Another partner for one side of a pair, and why it was not chosen."""

    side: str
    """`mentor` or `mentee`: whose alternative it is."""
    person_id: UUID
    """The other possible partner."""
    points: int
    partners: tuple[UUID, ...]
    """With whom that partner is instead."""
    people: int
    """How many people fewer would be in a pair if it were forced."""
    costs: int
    """By how many points the total would fall if it were forced and no person is lost."""
    exact: bool
    """Whether that is the exact loss: small pools. Else it is at least so much."""
    detail: str


@dataclass(frozen=True, slots=True)
class ProposedPair:
    mentor_id: UUID
    mentee_id: UUID
    points: int
    contributions: dict[str, int]
    """Points by preference; they add up to `points`."""
    reasons: tuple[str, ...]
    """What gives the points, the most first."""
    topics: tuple[str, ...]
    origin: Origin
    alternatives: tuple[Alternative, ...]


def explain_pairs(
    grid: Grid, solution: Solution, unit: int, fixed: Sequence[tuple[int, int, Origin]], labels: Mapping[str, str]
) -> tuple[ProposedPair, ...]:
    """The chosen pairs and the fixed ones (by index in the pool), each with its reasons. `unit` is the bonus of a
    person in the solution."""
    pool, rules = grid.pool, grid.rules
    mentors = np.concatenate([grid.rows[solution.pairs.rows], _ints(mentor for mentor, _, _ in fixed)])
    mentees = np.concatenate([grid.columns[solution.pairs.columns], _ints(mentee for _, mentee, _ in fixed)])
    origins = [Origin.MATCHED] * len(solution.pairs) + [origin for _, _, origin in fixed]
    if not len(mentors):
        return ()
    parts = scoring.contributions(pool, rules, mentors, mentees)
    by_pair = np.stack(list(parts.values()), axis=1).tolist()
    words = _Words(pool, rules, labels, mentors, mentees)
    others = _Alternatives(grid, solution, unit, mentors, mentees)
    return tuple(
        ProposedPair(
            mentor_id=pool.people[mentor].person_id,
            mentee_id=pool.people[mentee].person_id,
            points=sum(by_pair[number]),
            contributions={preference.value: value for preference, value in zip(parts, by_pair[number], strict=True)},
            reasons=words.of(number, dict(zip(parts, by_pair[number], strict=True))),
            topics=shared_topics(pool.people[mentor], pool.people[mentee], rules.direction),
            origin=origins[number],
            alternatives=others.of(mentor, mentee),
        )
        for number, (mentor, mentee) in enumerate(zip(mentors.tolist(), mentees.tolist(), strict=True))
    )


def shared_topics(mentor: Participant, mentee: Participant, direction: Direction) -> tuple[str, ...]:
    """Topics that one side teaches and the other wants, the mentee's wishes first."""
    found = [topic for topic in mentee.wanted if topic in mentor.taught]
    if direction is Direction.MUTUAL:
        found += [topic for topic in mentor.wanted if topic in mentee.taught]
    return tuple(dict.fromkeys(found))


class _Words:
    """Sentences about pairs. What all pairs need is computed at once."""

    def __init__(self, pool: Pool, rules: Rules, labels: Mapping[str, str], mentors: Ints, mentees: Ints) -> None:
        self._pool, self._rules, self._labels = pool, rules, labels
        self._mentors, self._mentees = mentors.tolist(), mentees.tolist()
        self._gaps = np.abs(eligibility.level_gap(pool, rules.direction, mentors, mentees)).tolist()

    def of(self, number: int, points: dict[Preference, int]) -> tuple[str, ...]:
        mentor, mentee = self._mentors[number], self._mentees[number]
        ordered = sorted((preference for preference, value in points.items() if value), key=lambda one: -points[one])
        return tuple(
            sentence for preference in ordered for sentence in self._say(preference, mentor, mentee, self._gaps[number])
        )

    def _say(self, preference: Preference, mentor: int, mentee: int, gap: int) -> list[str]:
        one, other = self._pool.people[mentor], self._pool.people[mentee]
        if preference is Preference.TOPICS:
            found = [self._teaching("mentor", one, "mentee", other)]
            if self._rules.direction is Direction.MUTUAL:
                found.append(self._teaching("mentee", other, "mentor", one))
            return found
        if preference is Preference.WISHES:
            return self._wishes(mentor, mentee)
        if preference is Preference.MEETING_WINDOWS:
            return [_shared_hours(one.slots & other.slots)]
        if preference is Preference.LEVEL_GAP:
            return [f"{_count(gap, 'level')} apart."]
        if preference is Preference.LOCATION:
            same = self._rules.policy.location is LocationPreference.SAME
            return ["At the same location." if same else "At different locations."]
        if preference is Preference.WAITED:
            waiting = [side for side, person in (("mentor", one), ("mentee", other)) if person.waited]
            return [f"The {side} found no partner in an earlier cycle." for side in waiting]
        return ["From different departments."]

    def _teaching(self, side: str, teacher: Participant, other_side: str, learner: Participant) -> str:
        parts = [
            f"{self._labels.get(topic, topic)} ({LEVELS[teacher.taught[topic]]}), the {other_side}'s "
            f"{_ordinal(rank)} choice"
            for rank, topic in enumerate(learner.wanted, start=1)
            if topic in teacher.taught
        ]
        return f"The {side} teaches {'; '.join(parts)}."

    def _wishes(self, mentor: int, mentee: int) -> list[str]:
        wishes = self._pool.wishes
        found = []
        if rank := wishes.get((mentee, mentor)):
            found.append(f"The mentor is the mentee's {_ordinal(rank)} wish.")
        if rank := wishes.get((mentor, mentee)):
            found.append(f"The mentee is the mentor's {_ordinal(rank)} wish.")
        return found


class _Alternatives:
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
            *(self._tell("mentor", self._mentors_of, *found) for found in self._for_mentor.get(mentor, ())),
            *(self._tell("mentee", self._mentees_of, *found) for found in self._for_mentee.get(mentee, ())),
        )

    def _tell(self, side: str, partners_of: dict[int, list[int]], person: int, points: int, short: int) -> Alternative:
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
    """The couples that came near, and how much the value would fall at least: what they fall short of their prices."""
    edges = solution.edges.take(~_taken(solution.edges, grid, solution))
    short = solution.prices.mentors[edges.rows] + solution.prices.mentees[edges.columns] - edges.points
    return edges, np.maximum(short - solution.beyond, 0)


def _exact_shortfall(grid: Grid, solution: Solution) -> tuple[Edges, Ints]:
    """All couples that were left out, and how much the value would fall."""
    assert solution.sides is not None
    edges = all_edges(grid)
    taken = _taken(edges, grid, solution)
    costs = exact_costs(edges, taken, solution.prices, *solution.sides)
    return edges.take(~taken), costs[~taken]


def _taken(edges: Edges, grid: Grid, solution: Solution) -> Bools:
    width = grid.shape[1]
    return np.isin(edges.rows * width + edges.columns, solution.pairs.rows * width + solution.pairs.columns)


def _nearest(people: Ints, partners: Ints, points: Ints, short: Ints) -> dict[int, list[tuple[int, int, int]]]:
    """For each person the couples that fall least short: partner, points, and how much."""
    # One number to sort by: the person, then how much; equals stay in the order of the edges.
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


def _shared_hours(slots: int) -> str:
    by_day = [(slots >> day * SLOTS_A_DAY) & ((1 << SLOTS_A_DAY) - 1) for day in range(len(DAYS))]
    days = [name.capitalize() for name, found in zip(DAYS, by_day, strict=True) if found]
    hours = slots.bit_count() / SLOTS_AN_HOUR
    return f"{hours:g} shared {'hour' if hours == 1 else 'hours'} a week{', on ' if days else ''}{_listed(days)}."


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _ordinal(rank: int) -> str:
    return ORDINALS[rank - 1] if rank <= len(ORDINALS) else f"{rank}th"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def _ints(numbers: Iterable[int]) -> Ints:
    return np.asarray(list(numbers), dtype=np.int64)
