"""Which couples may meet at all: the hard constraints, each with a name that can be told to an admin.

A couple is eligible when it violates none of them. The first violation is enough to rule a couple out; all of them
together explain why somebody stayed unmatched. Pure: no database, no network, no clock.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from services.matching.participant import Participant
from shared.contracts.programs import Direction, MatchingPolicy

Couples = Mapping[UUID, frozenset[UUID]]
"""For each person, the others that they form a couple with, whoever is the mentor."""
NOBODY: frozenset[UUID] = frozenset()


class Constraint(StrEnum):
    """Why a couple may not be matched."""

    LEVEL_GAP = "level_gap"
    REPORTING_LINE = "reporting_line"
    LANGUAGE = "language"
    DEPARTMENT = "department"
    AVOIDED = "avoided"
    PAST_PAIR = "past_pair"
    TRIED_BEFORE = "tried_before"
    """The couple was offered to each other in this cycle: it stands, was declined, or ended."""
    CAPACITY = "capacity"
    ROLE = "role"
    SELF = "self"


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides about couples, besides the two people themselves."""

    direction: Direction
    policy: MatchingPolicy
    past: Couples = field(default_factory=dict)
    """Couples of the organization's earlier cycles."""
    tried: Couples = field(default_factory=dict)
    """Couples that were offered in this cycle already."""


def couples(pairs: Iterable[tuple[UUID, UUID]]) -> Couples:
    """Pairs as a lookup from either side."""
    found: dict[UUID, set[UUID]] = {}
    for one, other in pairs:
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {person: frozenset(others) for person, others in found.items()}


def is_eligible(mentor: Participant, mentee: Participant, rules: Rules) -> bool:
    return next(violations(mentor, mentee, rules), None) is None


def violations(mentor: Participant, mentee: Participant, rules: Rules) -> Iterator[Constraint]:
    """The constraints that this mentor with this mentee would violate."""
    return (constraint for constraint, violated in CHECKS if violated(mentor, mentee, rules))


def level_gap(mentor: Participant, mentee: Participant, direction: Direction) -> int:
    """Levels of the senior above the junior side, as the direction means them; negative the wrong way round."""
    if direction is Direction.REVERSE:
        return mentee.level - mentor.level
    if direction is Direction.TRADITIONAL:
        return mentor.level - mentee.level
    return abs(mentor.level - mentee.level)


def _level_gap(mentor: Participant, mentee: Participant, rules: Rules) -> bool:
    gap = level_gap(mentor, mentee, rules.direction)
    smallest, largest = rules.policy.min_level_gap, rules.policy.max_level_gap
    if rules.direction is Direction.MUTUAL:
        smallest = max(smallest, 1)
    return gap < smallest or (largest is not None and gap > largest)


def _reporting_line(mentor: Participant, mentee: Participant, rules: Rules) -> bool:
    return mentor.person_id in mentee.managers or mentee.person_id in mentor.managers


def _language(mentor: Participant, mentee: Participant, rules: Rules) -> bool:
    return rules.policy.common_language and mentor.languages.isdisjoint(mentee.languages)


def _department(mentor: Participant, mentee: Participant, rules: Rules) -> bool:
    return rules.policy.different_department and mentor.department == mentee.department


def _avoided(mentor: Participant, mentee: Participant, rules: Rules) -> bool:
    return mentee.person_id in mentor.avoided or mentor.person_id in mentee.avoided


def _past_pair(mentor: Participant, mentee: Participant, rules: Rules) -> bool:
    return not rules.policy.repeat_past_pairs and mentee.person_id in rules.past.get(mentor.person_id, NOBODY)


def _tried_before(mentor: Participant, mentee: Participant, rules: Rules) -> bool:
    return mentee.person_id in rules.tried.get(mentor.person_id, NOBODY)


def _capacity(mentor: Participant, mentee: Participant, rules: Rules) -> bool:
    return (mentor.is_mentor and mentor.mentor_places < 1) or (mentee.is_mentee and mentee.mentee_places < 1)


def _role(mentor: Participant, mentee: Participant, rules: Rules) -> bool:
    return not mentor.is_mentor or not mentee.is_mentee


def _self(mentor: Participant, mentee: Participant, rules: Rules) -> bool:
    return mentor.person_id == mentee.person_id


CHECKS: tuple[tuple[Constraint, Callable[[Participant, Participant, Rules], bool]], ...] = (
    (Constraint.ROLE, _role),
    (Constraint.CAPACITY, _capacity),
    (Constraint.LEVEL_GAP, _level_gap),
    (Constraint.REPORTING_LINE, _reporting_line),
    (Constraint.LANGUAGE, _language),
    (Constraint.DEPARTMENT, _department),
    (Constraint.AVOIDED, _avoided),
    (Constraint.PAST_PAIR, _past_pair),
    (Constraint.TRIED_BEFORE, _tried_before),
    (Constraint.SELF, _self),
)
"""In the order that rules most couples out first."""
