"""Which couples may meet at all: the hard constraints, each with a name that an admin can be shown.

A couple is any mentor and mentee who could be a pair. It is eligible when it violates no constraint; all constraints
together explain why somebody stayed unmatched. Every rule answers for whole arrays of couples: `mentors` and `mentees`
are indexes into the pool that broadcast against each other. Pure: no database, no network, no clock.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

import numpy as np

from services.matching.engine.rules.pool import Bools, Ints, Pool, Trait, contains
from shared.contracts.programs import Direction, MatchingPolicy

Couple = tuple[UUID, UUID]
SLOTS_AN_HOUR = 2


class Constraint(StrEnum):
    """Why a couple may not be matched."""

    LEVEL_GAP = "level_gap"
    REPORTING_LINE = "reporting_line"
    SAME_MANAGER = "same_manager"
    LANGUAGE = "language"
    DEPARTMENT = "department"
    MEETING_WINDOWS = "meeting_windows"
    AVOIDED = "avoided"
    PAST_PAIR = "past_pair"
    TRIED_BEFORE = "tried_before"
    """The couple was offered in this cycle already, whatever became of the offer."""
    FORBIDDEN = "forbidden"
    """An admin forbade the couple."""
    FLOOR = "floor"
    """The couple's score is below the policy's floor."""
    CAPACITY = "capacity"
    """The other person has no free place."""
    SELF = "self"


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides about couples, besides the two people themselves. Who of a couple is named first does not matter."""

    direction: Direction
    policy: MatchingPolicy
    past: Mapping[Couple, int] = field(default_factory=dict)
    """Couples that met in earlier cycles, and how many cycles ago they last did (1: in the cycle before this one)."""
    tried: frozenset[Couple] = frozenset()
    """Couples that were offered in this cycle already."""
    forbidden: frozenset[Couple] = frozenset()
    """Couples that an admin forbade."""


@dataclass(frozen=True, slots=True)
class TraitRule:
    """A constraint that looks at one trait of the two people alone."""

    constraint: Constraint
    trait: Trait
    applies: Callable[[Rules], bool]
    violated: Callable[[Pool, Rules, Ints, Ints], Bools]


@dataclass(frozen=True, slots=True)
class CoupleRule:
    """A constraint that names single couples by their keys (see `Pool.key`)."""

    constraint: Constraint
    violating: Callable[[Pool, Rules], Ints]


def blocked_couples(pool: Pool, rules: Rules) -> dict[Constraint, Ints]:
    """For each constraint that names single couples: the keys of these couples."""
    return {rule.constraint: rule.violating(pool, rules) for rule in COUPLE_RULES}


def violations(
    pool: Pool, rules: Rules, mentors: Ints, mentees: Ints, blocked: Mapping[Constraint, Ints] | None = None
) -> dict[Constraint, Bools]:
    """For each constraint, which of these couples violate it. The floor is not among them: see `scoring`. A caller that
    asks often computes `blocked_couples` once and passes it in."""
    found = {
        rule.constraint: rule.violated(pool, rules, mentors, mentees) for rule in TRAIT_RULES if rule.applies(rules)
    }
    keys = pool.key(mentors, mentees)
    named = blocked_couples(pool, rules) if blocked is None else blocked
    return found | {constraint: contains(couples, keys) for constraint, couples in named.items()}


def level_gap(pool: Pool, direction: Direction, mentors: Ints, mentees: Ints) -> Ints:
    """By how many levels the senior stands above the junior side, as the direction demands; negative if it is the other
    way round."""
    gap = pool.levels[mentees] - pool.levels[mentors]
    if direction is Direction.REVERSE:
        return gap
    return -gap if direction is Direction.TRADITIONAL else np.abs(gap)


def smallest_gap(rules: Rules) -> int:
    """The smallest level gap that is allowed: two people of a mutual pair are never on the same level."""
    return max(rules.policy.min_level_gap, int(rules.direction is Direction.MUTUAL))


def common_slots(pool: Pool, mentors: Ints, mentees: Ints) -> Ints:
    """Half hours a week in which both can meet."""
    shape = np.broadcast_shapes(mentors.shape, mentees.shape)
    if mentors.shape == shape and mentees.shape == shape:
        common: Ints = np.einsum("...s,...s->...", pool.slots[mentors], pool.slots[mentees], dtype=np.int64)
        return common
    left, right = pool.slots[mentors.ravel()], pool.slots[mentees.ravel()]
    product = left.astype(np.float32) @ right.astype(np.float32).T
    return np.asarray(np.rint(product), dtype=np.int64).reshape(shape)


def _level_gap(pool: Pool, rules: Rules, mentors: Ints, mentees: Ints) -> Bools:
    gap = level_gap(pool, rules.direction, mentors, mentees)
    smallest, largest = smallest_gap(rules), rules.policy.max_level_gap
    return (gap < smallest) | (gap > largest) if largest is not None else gap < smallest


def _language(pool: Pool, rules: Rules, mentors: Ints, mentees: Ints) -> Bools:
    shared = pool.languages[mentors] & pool.languages[mentees]
    return np.asarray(~shared.any(axis=-1))


def _department(pool: Pool, rules: Rules, mentors: Ints, mentees: Ints) -> Bools:
    departments = pool.traits[Trait.DEPARTMENT].of
    return np.asarray(departments[mentors] == departments[mentees])


def _same_manager(pool: Pool, rules: Rules, mentors: Ints, mentees: Ints) -> Bools:
    managers = pool.traits[Trait.MANAGER].of
    return np.asarray(managers[mentors] == managers[mentees])


def _meeting_windows(pool: Pool, rules: Rules, mentors: Ints, mentees: Ints) -> Bools:
    return common_slots(pool, mentors, mentees) < rules.policy.min_common_hours * SLOTS_AN_HOUR


def _past_pairs(pool: Pool, rules: Rules) -> Ints:
    if rules.policy.repeat_past_pairs:
        return pool.keys(())
    recent = rules.policy.repeat_after_cycles
    couples = (couple for couple, ago in rules.past.items() if recent is None or ago <= recent)
    return _both_ways(pool, couples)


def _both_ways(pool: Pool, couples: Iterable[Couple]) -> Ints:
    return pool.keys(way for one, other in couples for way in ((one, other), (other, one)))


TRAIT_RULES = (
    TraitRule(Constraint.LEVEL_GAP, Trait.LEVEL, lambda rules: True, _level_gap),
    TraitRule(Constraint.LANGUAGE, Trait.LANGUAGES, lambda rules: rules.policy.common_language, _language),
    TraitRule(Constraint.SAME_MANAGER, Trait.MANAGER, lambda rules: rules.policy.same_manager, _same_manager),
    TraitRule(Constraint.DEPARTMENT, Trait.DEPARTMENT, lambda rules: rules.policy.different_department, _department),
    TraitRule(
        Constraint.MEETING_WINDOWS, Trait.SLOTS, lambda rules: rules.policy.min_common_hours > 0, _meeting_windows
    ),
)
COUPLE_RULES = (
    CoupleRule(
        Constraint.REPORTING_LINE,
        lambda pool, rules: pool.reporting_lines if rules.policy.reporting_line else pool.keys(()),
    ),
    CoupleRule(Constraint.SELF, lambda pool, rules: np.arange(len(pool)) * (len(pool) + 1)),
    CoupleRule(Constraint.AVOIDED, lambda pool, rules: pool.avoided),
    CoupleRule(Constraint.PAST_PAIR, _past_pairs),
    CoupleRule(Constraint.TRIED_BEFORE, lambda pool, rules: _both_ways(pool, rules.tried)),
    CoupleRule(Constraint.FORBIDDEN, lambda pool, rules: _both_ways(pool, rules.forbidden)),
)
