"""Why somebody stayed unmatched: the reason as a code, in counts and in one sentence, and what would have changed it.

If somebody has no eligible couple at all, the reason is the one constraint that would give the most candidates if it
were lifted. If lifting a single constraint would give none, the reason is the constraint that rules out the most
couples. If somebody has candidates, their places went to others. Pure.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import numpy as np

from services.matching.engine.rules import eligibility, scoring
from services.matching.engine.rules.eligibility import Constraint, level_gap, smallest_gap
from services.matching.engine.rules.participant import shared_topics
from services.matching.engine.rules.pool import Bools, Ints, Pool
from services.matching.engine.solver.grid import Grid
from shared.contracts.programs import Direction


class UnmatchedReason(StrEnum):
    NO_COUNTERPART = "no_counterpart"
    """Nobody enrolled for the other role."""
    LEVEL_GAP = "level_gap"
    REPORTING_LINE = "reporting_line"
    SAME_MANAGER = "same_manager"
    LANGUAGE = "language"
    DEPARTMENT = "department"
    MEETING_WINDOWS = "meeting_windows"
    AVOIDED = "avoided"
    PAST_PAIR = "past_pair"
    TRIED_BEFORE = "tried_before"
    FORBIDDEN = "forbidden"
    FLOOR = "floor"
    CAPACITY = "capacity"
    NO_SHARED_TOPIC = "no_shared_topic"
    """There were candidates, but none of them shares a topic, and their places went to others."""
    CANDIDATES_TAKEN = "candidates_taken"
    """There were candidates, but the best assignment gives their places to others."""
    DROPPED = "dropped"
    """An admin took the person out of the run."""
    NOT_APPROVED = "not_approved"
    """A pair was proposed, but the run was not approved in time."""


SAYS = {
    Constraint.LEVEL_GAP: "outside the level gap",
    Constraint.REPORTING_LINE: "in the same reporting line",
    Constraint.SAME_MANAGER: "under the same manager",
    Constraint.LANGUAGE: "without a common language",
    Constraint.DEPARTMENT: "in the same department",
    Constraint.MEETING_WINDOWS: "with too few common hours",
    Constraint.AVOIDED: "on an avoid list",
    Constraint.PAST_PAIR: "matched in an earlier cycle",
    Constraint.TRIED_BEFORE: "offered before in this cycle",
    Constraint.FORBIDDEN: "forbidden by an admin",
    Constraint.FLOOR: "below the policy's floor",
    Constraint.CAPACITY: "without a free place",
}
CHANGES = {
    Constraint.REPORTING_LINE: "Allowing pairs in the same reporting line",
    Constraint.SAME_MANAGER: "Allowing pairs under the same manager",
    Constraint.LANGUAGE: "Allowing pairs without a common language, or one more language,",
    Constraint.DEPARTMENT: "Allowing pairs in the same department",
    Constraint.MEETING_WINDOWS: "Fewer common hours, or more meeting windows,",
    Constraint.AVOIDED: "Without the avoid lists there",
    Constraint.PAST_PAIR: "Allowing past pairs again",
    Constraint.TRIED_BEFORE: "Offering a pair of this cycle again",
    Constraint.FORBIDDEN: "Without the pairs that an admin forbade there",
    Constraint.FLOOR: "A lower floor",
    Constraint.CAPACITY: "One more place on the other side",
}
NOT_APPROVED = "The proposed pair was not approved before the time for offers ended."


@dataclass(frozen=True, slots=True)
class Change:
    """The smallest change after which there would have been a candidate: one single constraint that is lifted."""

    constraint: Constraint
    candidates: int
    """Couples that this constraint rules out and no other does."""
    free: int
    """Those of them in which the other person has a place left: with one, this person would surely be matched."""
    detail: str
    min_level_gap: int | None = None
    """The value of this setting of the policy that would be enough, if the change is one of it."""
    max_level_gap: int | None = None


@dataclass(frozen=True, slots=True)
class Unmatched:
    person_id: UUID
    reason: UnmatchedReason
    candidates: int
    """Eligible couples that the person could have been part of."""
    blocked: dict[Constraint, int]
    """Couples ruled out, by constraint; a couple counts for each constraint that it violates."""
    change: Change | None
    detail: str


def explain(grid: Grid, people: Sequence[int], left: tuple[Counter[int], Counter[int]]) -> tuple[Unmatched, ...]:
    """The reasons for these people of the pool, who are in no pair. `left` are the places that mentors and mentees
    have left after the assignment, by index in the pool."""
    pool = grid.pool
    mentors = np.flatnonzero([person.is_mentor and not person.dropped for person in pool.people])
    mentees = np.flatnonzero([person.is_mentee and not person.dropped for person in pool.people])
    return tuple(_explain(grid, person, _possible(pool, person, mentors, mentees), left) for person in people)


@dataclass(frozen=True, slots=True)
class _Couples:
    """The couples that one person could be part of if only roles counted. `as_mentor` says whether the person would be
    the mentor."""

    mentors: Ints
    mentees: Ints
    as_mentor: Bools

    def __len__(self) -> int:
        return len(self.mentors)


def _possible(pool: Pool, person: int, mentors: Ints, mentees: Ints) -> _Couples:
    someone = pool.people[person]
    learners = mentees[mentees != person] if someone.is_mentor else mentees[:0]
    teachers = mentors[mentors != person] if someone.is_mentee else mentors[:0]
    return _Couples(
        np.concatenate([np.full(len(learners), person), teachers]),
        np.concatenate([learners, np.full(len(teachers), person)]),
        np.arange(len(learners) + len(teachers)) < len(learners),
    )


def _explain(grid: Grid, person: int, couples: _Couples, left: tuple[Counter[int], Counter[int]]) -> Unmatched:
    pool = grid.pool
    if pool.people[person].dropped:
        return _without_counts(pool, person, UnmatchedReason.DROPPED, "An admin took this person out of the run.")
    if not len(couples):
        return _without_counts(pool, person, UnmatchedReason.NO_COUNTERPART, "Nobody enrolled for the other part.")
    violated = _violations(grid, couples)
    matrix = np.stack(list(violated.values()))
    eligible = ~matrix.any(axis=0)
    blocked = {constraint: int(found.sum()) for constraint, found in violated.items() if found.any()}
    if eligible.any():
        share = _share_a_topic(grid, couples, np.flatnonzero(eligible))
        reason = UnmatchedReason.CANDIDATES_TAKEN if share else UnmatchedReason.NO_SHARED_TOPIC
        count = int(eligible.sum())
        detail = f"One more place with {'this one' if count == 1 else f'one of these {count}'} could be enough."
        change: Change | None = Change(Constraint.CAPACITY, count, 0, detail)
    else:
        alone = dict(zip(violated, matrix & (matrix.sum(axis=0) == 1), strict=True))
        if Constraint.FLOOR in alone:  # a couple without points is below every floor
            alone[Constraint.FLOOR] &= scoring.points(pool, grid.rules, couples.mentors, couples.mentees) > 0
        change = _smallest_change(grid, couples, alone, left)
        most = max(blocked, key=lambda constraint: blocked[constraint])
        reason = UnmatchedReason((change.constraint if change else most).value)
    return Unmatched(
        person_id=pool.people[person].person_id,
        reason=reason,
        candidates=int(eligible.sum()),
        blocked=blocked,
        change=change,
        detail=_detail(reason, len(couples), int(eligible.sum()), blocked),
    )


def _violations(grid: Grid, couples: _Couples) -> dict[Constraint, Bools]:
    """For each constraint, in the order of `Constraint`: which of the couples violate it."""
    pool, rules = grid.pool, grid.rules
    found = eligibility.violations(pool, rules, couples.mentors, couples.mentees, grid.blocked)
    places = np.where(couples.as_mentor, pool.mentee_places[couples.mentees], pool.mentor_places[couples.mentors])
    found[Constraint.CAPACITY] = places < 1
    floor = scoring.floor_points(rules)
    if floor:
        found[Constraint.FLOOR] = scoring.points(pool, rules, couples.mentors, couples.mentees) < floor
    return {constraint: found[constraint] for constraint in Constraint if constraint in found}


def _smallest_change(
    grid: Grid, couples: _Couples, alone: dict[Constraint, Bools], left: tuple[Counter[int], Counter[int]]
) -> Change | None:
    """The constraint that alone rules out the most couples. Couples in which the other person has a free place count
    first."""
    free = np.where(
        couples.as_mentor,
        [left[1][index] > 0 for index in couples.mentees.tolist()],
        [left[0][index] > 0 for index in couples.mentors.tolist()],
    )
    counts = {constraint: (int((found & free).sum()), int(found.sum())) for constraint, found in alone.items()}
    best = max(counts, key=lambda constraint: counts[constraint])
    surely, candidates = counts[best]
    if not candidates:
        return None
    what = CHANGES.get(best, "")
    setting: dict[str, int] = {}
    if best is Constraint.LEVEL_GAP:
        blocked = alone[best] & free if surely else alone[best]
        what, enough, setting = _level_change(grid, couples, blocked)
        surely, candidates = int((alone[best] & enough & free).sum()), int((alone[best] & enough).sum())
    whom = f"{candidates} {'candidate' if candidates == 1 else 'candidates'}"
    detail = f"{what} would give {whom}{f', {surely} of them with a free place' if surely else ''}."
    return Change(best, candidates, surely, detail, **setting)


def _level_change(grid: Grid, couples: _Couples, blocked: Bools) -> tuple[str, Bools, dict[str, int]]:
    """The level gap that would be enough for the nearest of these couples, in words; the couples that it would allow;
    and the setting of the policy with its value."""
    policy, direction = grid.rules.policy, grid.rules.direction
    gaps = level_gap(grid.pool, direction, couples.mentors, couples.mentees)
    least, most = smallest_gap(grid.rules), np.inf if policy.max_level_gap is None else policy.max_level_gap
    below, above = gaps[blocked & (gaps < least)], gaps[blocked & (gaps >= least)]
    if len(above) and not (below >= 0).any():
        enough = (gaps >= least) & (gaps <= above.min())
        what = f"A largest level gap of {above.min()} instead of {policy.max_level_gap}"
        return what, enough, {"max_level_gap": int(above.min())}
    nearest = int(below.max())
    if nearest > 0 or (nearest == 0 and direction is not Direction.MUTUAL):
        enough = (gaps >= nearest) & (gaps <= most)
        what = f"A smallest level gap of {nearest} instead of {policy.min_level_gap}"
        return what, enough, {"min_level_gap": nearest}
    turned = (-gaps >= least) & (-gaps <= most)
    if turned[blocked].any():
        return "The other direction of seniority", turned, {}
    return "Another level", blocked, {}


def _share_a_topic(grid: Grid, couples: _Couples, places: Ints) -> bool:
    people = grid.pool.people
    return any(
        shared_topics(people[int(couples.mentors[place])], people[int(couples.mentees[place])], grid.rules.direction)
        for place in places
    )


def _without_counts(pool: Pool, person: int, reason: UnmatchedReason, detail: str) -> Unmatched:
    return Unmatched(pool.people[person].person_id, reason, 0, {}, None, detail)


def _detail(reason: UnmatchedReason, possible: int, candidates: int, blocked: dict[Constraint, int]) -> str:
    ruled_out = ", ".join(f"{count} {SAYS[constraint]}" for constraint, count in blocked.items())
    because = f" ({ruled_out})" if ruled_out else ""
    if not candidates:
        return f"Of {possible} possible pairs none is allowed{because}."
    topics = ", none of them with a shared topic" if reason is UnmatchedReason.NO_SHARED_TOPIC else ""
    return f"Of {possible} possible pairs {candidates} are allowed{topics}; those places went to others{because}."
