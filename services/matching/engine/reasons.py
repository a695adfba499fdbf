"""Why two people are a pair: where the points come from, in words. Pure; nobody's name is known here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import numpy as np

from services.matching.engine.alternatives import Alternative, Alternatives
from services.matching.engine.rules import eligibility, scoring
from services.matching.engine.rules.eligibility import SLOTS_AN_HOUR, Rules
from services.matching.engine.rules.participant import (
    TAUGHT_QUARTERS,
    Participant,
    local_days,
    shared_topics,
)
from services.matching.engine.rules.pool import Ints, Pool
from services.matching.engine.rules.scoring import Preference
from services.matching.engine.solver.assignment import Solution
from services.matching.engine.solver.grid import Grid
from shared.contracts.intake import TeachingLevel
from shared.contracts.matching import Side
from shared.contracts.programs import Direction, LocationPreference

ORDINALS = ("first", "second", "third", "fourth", "fifth")
LEVELS = {TAUGHT_QUARTERS[level]: level.name.lower() for level in TeachingLevel}


class Origin(StrEnum):
    MATCHED = "matched"
    PINNED = "pinned"
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True)
class ProposedPair:
    mentor_id: UUID
    mentee_id: UUID
    points: int
    contributions: dict[str, int]
    """Points by preference; they add up to `points`."""
    reasons: tuple[str, ...]
    """Sentences about what gives the points; what gives the most comes first."""
    topics: tuple[str, ...]
    origin: Origin
    alternatives: tuple[Alternative, ...]


def explain_pairs(
    grid: Grid, solution: Solution, unit: int, fixed: Sequence[tuple[int, int, Origin]], labels: Mapping[str, str]
) -> tuple[ProposedPair, ...]:
    """The chosen pairs and the fixed ones (by index in the pool), each with its reasons. `unit` is the bonus that the
    solution earns for each matched person."""
    pool, rules = grid.pool, grid.rules
    mentors = np.concatenate([grid.rows[solution.pairs.rows], _ints(mentor for mentor, _, _ in fixed)])
    mentees = np.concatenate([grid.columns[solution.pairs.columns], _ints(mentee for _, mentee, _ in fixed)])
    origins = [Origin.MATCHED] * len(solution.pairs) + [origin for _, _, origin in fixed]
    if not len(mentors):
        return ()
    parts = scoring.contributions(pool, rules, mentors, mentees)
    by_pair = np.stack(list(parts.values()), axis=1).tolist()
    words = _Words(pool, rules, labels, mentors, mentees)
    others = Alternatives(grid, solution, unit, mentors, mentees)
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


class _Words:
    """Sentences about pairs. Numbers that all pairs need are computed at once."""

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
            found = [self._teaching(Side.MENTOR, one, Side.MENTEE, other)]
            if self._rules.direction is Direction.MUTUAL:
                found.append(self._teaching(Side.MENTEE, other, Side.MENTOR, one))
            return found
        if preference is Preference.WISHES:
            return self._wishes(mentor, mentee)
        if preference is Preference.MEETING_WINDOWS:
            return [_shared_hours(one, other)]
        if preference is Preference.LEVEL_GAP:
            return [f"{gap} {'level' if gap == 1 else 'levels'} apart."]
        if preference is Preference.LOCATION:
            same = self._rules.policy.location is LocationPreference.SAME
            return ["At the same location." if same else "At different locations."]
        if preference is Preference.WAITED:
            waiting = [side for side, person in ((Side.MENTOR, one), (Side.MENTEE, other)) if person.waited]
            return [f"The {side} found no partner in an earlier cycle." for side in waiting]
        return ["From different departments."]

    def _teaching(self, side: Side, teacher: Participant, other_side: Side, learner: Participant) -> str:
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


def _shared_hours(mentor: Participant, mentee: Participant) -> str:
    """The days are those of each one's own clock. They are told for each where they are not the same."""
    slots = mentor.slots & mentee.slots
    hours = slots.bit_count() / SLOTS_AN_HOUR
    theirs = [_listed([day.capitalize() for day in local_days(slots, person.offset)]) for person in (mentor, mentee)]
    days = theirs[0] if theirs[0] == theirs[1] else f"{theirs[0]} for the mentor and on {theirs[1]} for the mentee"
    return f"{hours:g} shared {'hour' if hours == 1 else 'hours'} a week, on {days}."


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _ordinal(rank: int) -> str:
    return ORDINALS[rank - 1] if rank <= len(ORDINALS) else f"{rank}th"


def _ints(numbers: Iterable[int]) -> Ints:
    return np.asarray(list(numbers), dtype=np.int64)
