"""Why somebody stayed unmatched: the true reason, in a code, counts and one sentence.

Without a single eligible couple, the reason is the constraint whose lifting alone would give the most candidates;
where no single one would, it is the constraint that rules most couples out. With candidates, they went to others.
Pure: no database, no network, no clock.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from services.matching.eligibility import Constraint, Rules, violations
from services.matching.participant import Participant
from services.matching.scoring import shared_topics


class UnmatchedReason(StrEnum):
    NO_COUNTERPART = "no_counterpart"
    """Nobody enrolled for the other part."""
    LEVEL_GAP = "level_gap"
    REPORTING_LINE = "reporting_line"
    LANGUAGE = "language"
    DEPARTMENT = "department"
    AVOIDED = "avoided"
    PAST_PAIR = "past_pair"
    TRIED_BEFORE = "tried_before"
    CAPACITY = "capacity"
    NO_SHARED_TOPIC = "no_shared_topic"
    """There were candidates, none of whom shares a topic; they went to others."""
    CANDIDATES_TAKEN = "candidates_taken"
    """There were candidates; the best assignment gives their places to others."""
    NOT_APPROVED = "not_approved"
    """A pair was proposed, but the run was not approved in time."""


SAYS = {
    Constraint.LEVEL_GAP: "outside the level gap",
    Constraint.REPORTING_LINE: "in the same reporting line",
    Constraint.LANGUAGE: "without a common language",
    Constraint.DEPARTMENT: "in the same department",
    Constraint.AVOIDED: "on an avoid list",
    Constraint.PAST_PAIR: "matched in an earlier cycle",
    Constraint.TRIED_BEFORE: "offered before in this cycle",
    Constraint.CAPACITY: "without a free place",
}
NOT_APPROVED = "The proposed pair was not approved before the time for offers ended."


@dataclass(frozen=True, slots=True)
class Unmatched:
    person_id: UUID
    reason: UnmatchedReason
    candidates: int
    """Eligible couples that the person could have been part of."""
    blocked: dict[Constraint, int]
    """Couples ruled out, by constraint; a couple counts for each constraint that it violates."""
    detail: str


def explain(person: Participant, people: Iterable[Participant], rules: Rules) -> Unmatched:
    """The reason for one person of `people` who is in no pair."""
    possible = list(_possible(person, people))
    blockers = [(couple, set(violations(*couple, rules))) for couple in possible]
    candidates = [couple for couple, found in blockers if not found]
    blocked = Counter(constraint for _, found in blockers for constraint in found)
    reason = _reason(possible, candidates, [found for _, found in blockers], rules)
    ordered = {constraint: blocked[constraint] for constraint in Constraint if blocked[constraint]}
    return Unmatched(
        person_id=person.person_id,
        reason=reason,
        candidates=len(candidates),
        blocked=ordered,
        detail=_detail(reason, len(possible), len(candidates), ordered),
    )


def _possible(person: Participant, people: Iterable[Participant]) -> Iterable[tuple[Participant, Participant]]:
    """Couples by role alone, as (mentor, mentee)."""
    for other in people:
        if other.person_id == person.person_id:
            continue
        if person.is_mentor and other.is_mentee:
            yield person, other
        if person.is_mentee and other.is_mentor:
            yield other, person


def _reason(
    possible: Sequence[tuple[Participant, Participant]],
    candidates: Sequence[tuple[Participant, Participant]],
    blockers: Sequence[set[Constraint]],
    rules: Rules,
) -> UnmatchedReason:
    if not possible:
        return UnmatchedReason.NO_COUNTERPART
    if candidates:
        share = any(shared_topics(mentor, mentee, rules.direction) for mentor, mentee in candidates)
        return UnmatchedReason.CANDIDATES_TAKEN if share else UnmatchedReason.NO_SHARED_TOPIC
    alone = Counter(constraint for found in blockers if len(found) == 1 for constraint in found)
    counts = alone or Counter(constraint for found in blockers for constraint in found)
    return UnmatchedReason(max(Constraint, key=lambda constraint: counts[constraint]).value)


def _detail(reason: UnmatchedReason, possible: int, candidates: int, blocked: dict[Constraint, int]) -> str:
    if reason is UnmatchedReason.NO_COUNTERPART:
        return "Nobody enrolled for the other part."
    ruled_out = ", ".join(f"{count} {SAYS[constraint]}" for constraint, count in blocked.items())
    because = f" ({ruled_out})" if ruled_out else ""
    if not candidates:
        return f"Of {possible} possible pairs none is allowed{because}."
    topics = ", none of them with a shared topic" if reason is UnmatchedReason.NO_SHARED_TOPIC else ""
    return f"Of {possible} possible pairs {candidates} are allowed{topics}; those places went to others{because}."
