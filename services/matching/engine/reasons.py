"""Why two people are a pair: where the points come from, as codes with arguments. Pure; nobody's name is known here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import numpy as np

from services.matching.engine.alternatives import Alternative, Alternatives
from services.matching.engine.rules import eligibility, scoring
from services.matching.engine.rules.eligibility import SLOTS_AN_HOUR, Rules
from services.matching.engine.rules.participant import (
    DAYS,
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
from shared.contracts.matching import PairReason, ReasonCode, Side, TaughtTopic
from shared.contracts.programs import Direction, LocationPreference

LEVELS = {TAUGHT_QUARTERS[level]: level for level in TeachingLevel}


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
    reasons: tuple[PairReason, ...]
    """What gives the points; what gives the most comes first."""
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
    found = _Reasons(pool, rules, labels, mentors, mentees)
    others = Alternatives(grid, solution, unit, mentors, mentees)
    return tuple(
        ProposedPair(
            mentor_id=pool.people[mentor].person_id,
            mentee_id=pool.people[mentee].person_id,
            points=sum(by_pair[number]),
            contributions={preference.value: value for preference, value in zip(parts, by_pair[number], strict=True)},
            reasons=found.of(number, dict(zip(parts, by_pair[number], strict=True))),
            topics=shared_topics(pool.people[mentor], pool.people[mentee], rules.direction),
            origin=origins[number],
            alternatives=others.of(mentor, mentee),
        )
        for number, (mentor, mentee) in enumerate(zip(mentors.tolist(), mentees.tolist(), strict=True))
    )


class _Reasons:
    """The reasons of pairs. Numbers that all pairs need are computed at once."""

    def __init__(self, pool: Pool, rules: Rules, labels: Mapping[str, str], mentors: Ints, mentees: Ints) -> None:
        self._pool, self._rules, self._labels = pool, rules, labels
        self._mentors, self._mentees = mentors.tolist(), mentees.tolist()
        self._gaps = np.abs(eligibility.level_gap(pool, rules.direction, mentors, mentees)).tolist()

    def of(self, number: int, points: dict[Preference, int]) -> tuple[PairReason, ...]:
        mentor, mentee = self._mentors[number], self._mentees[number]
        ordered = sorted((preference for preference, value in points.items() if value), key=lambda one: -points[one])
        return tuple(
            reason for preference in ordered for reason in self._of(preference, mentor, mentee, self._gaps[number])
        )

    def _of(self, preference: Preference, mentor: int, mentee: int, gap: int) -> list[PairReason]:
        one, other = self._pool.people[mentor], self._pool.people[mentee]
        if preference is Preference.TOPICS:
            found = [self._teaching(Side.MENTOR, one, other)]
            if self._rules.direction is Direction.MUTUAL:
                found.append(self._teaching(Side.MENTEE, other, one))
            return found
        if preference is Preference.WISHES:
            return self._wishes(mentor, mentee)
        if preference is Preference.MEETING_WINDOWS:
            return [_shared_hours(one, other)]
        if preference is Preference.LEVEL_GAP:
            return [PairReason(code=ReasonCode.LEVEL_GAP, levels=gap)]
        if preference is Preference.LOCATION:
            same = self._rules.policy.location is LocationPreference.SAME
            return [PairReason(code=ReasonCode.SAME_LOCATION if same else ReasonCode.DIFFERENT_LOCATIONS)]
        if preference is Preference.WAITED:
            waiting = [side for side, person in ((Side.MENTOR, one), (Side.MENTEE, other)) if person.waited]
            return [PairReason(code=ReasonCode.WAITED, side=side) for side in waiting]
        return [PairReason(code=ReasonCode.DIFFERENT_DEPARTMENTS)]

    def _teaching(self, side: Side, teacher: Participant, learner: Participant) -> PairReason:
        topics = tuple(
            TaughtTopic(
                topic=topic, label=self._labels.get(topic, topic), level=LEVELS[teacher.taught[topic]], choice=rank
            )
            for rank, topic in enumerate(learner.wanted, start=1)
            if topic in teacher.taught
        )
        return PairReason(code=ReasonCode.TEACHES, side=side, topics=topics)

    def _wishes(self, mentor: int, mentee: int) -> list[PairReason]:
        wishes = self._pool.wishes
        ranks = {Side.MENTOR: wishes.get((mentee, mentor)), Side.MENTEE: wishes.get((mentor, mentee))}
        return [PairReason(code=ReasonCode.WISHED, side=side, rank=rank) for side, rank in ranks.items() if rank]


def _shared_hours(mentor: Participant, mentee: Participant) -> PairReason:
    """The days are those of each one's own clock."""
    slots = mentor.slots & mentee.slots
    mentor_days, mentee_days = (
        tuple(DAYS.index(day) for day in local_days(slots, person.offset)) for person in (mentor, mentee)
    )
    hours = slots.bit_count() / SLOTS_AN_HOUR
    return PairReason(code=ReasonCode.SHARED_HOURS, hours=hours, mentor_days=mentor_days, mentee_days=mentee_days)


def _ints(numbers: Iterable[int]) -> Ints:
    return np.asarray(list(numbers), dtype=np.int64)
