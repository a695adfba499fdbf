"""How good an eligible couple is: each preference gives it 0 to POINTS points, times the weight of the preference.

Points are whole numbers, so that totals are exact, contributions add up, and two machines agree on the best
assignment. Like the constraints, every preference answers for whole arrays of couples. Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from services.matching.engine.rules.eligibility import SLOTS_AN_HOUR, Rules, common_slots, level_gap
from services.matching.engine.rules.participant import MOST_WISHES
from services.matching.engine.rules.pool import Ints, Pool, Trait
from shared.contracts.programs import Direction, LocationPreference, Objective, Weights

POINTS = 1000
"""Points of a fully met preference of weight 1."""
ENOUGH_SLOTS = 4 * SLOTS_AN_HOUR
"""Half a day a week in common is enough to meet; more common hours give no more points."""
POINTS_A_SLOT = POINTS // ENOUGH_SLOTS


class Preference(StrEnum):
    """The values are the names of the policy's weights."""

    TOPICS = "topics"
    CROSS_FUNCTIONAL = "cross_functional"
    MEETING_WINDOWS = "meeting_windows"
    WISHES = "wishes"
    LEVEL_GAP = "level_gap"
    LOCATION = "location"
    WAITED = "waited"


@dataclass(frozen=True, slots=True)
class TraitValue:
    """A preference that looks at one trait of the two people alone. Its value is in points before the weight."""

    preference: Preference
    trait: Trait
    value: Callable[[Pool, Rules, Ints, Ints], Ints]


def weight(rules: Rules, preference: Preference) -> int:
    found: int = getattr(rules.policy.weights, preference.value)
    return found


def most_points(weights: Weights) -> int:
    """The score of a couple that meets every preference fully."""
    points: int = POINTS * sum(getattr(weights, preference.value) for preference in Preference)
    return points


def floor_points(rules: Rules) -> int:
    """The smallest score that a pair may have. Under `quality_first` it is 1 at least, because a pair that meets no
    preference would add nothing."""
    if rules.policy.objective is Objective.COVERAGE_FIRST:
        return 0
    return max(-(-most_points(rules.policy.weights) * rules.policy.floor // 100), 1)


def contributions(pool: Pool, rules: Rules, mentors: Ints, mentees: Ints) -> dict[Preference, Ints]:
    """Points by preference; their sum is the score. `mentors` and `mentees` have the same shape."""
    values = {
        Preference.TOPICS: topics(pool, rules, mentors, mentees),
        Preference.WISHES: wishes(pool, mentors, mentees),
        Preference.WAITED: POINTS // 2 * (pool.waited[mentors] + pool.waited[mentees]),
    } | {found.preference: found.value(pool, rules, mentors, mentees) for found in TRAIT_VALUES}
    return {preference: weight(rules, preference) * values[preference] for preference in Preference}


def points(pool: Pool, rules: Rules, mentors: Ints, mentees: Ints) -> Ints:
    """The scores of couples, 0 to `most_points`."""
    return np.asarray(np.sum(list(contributions(pool, rules, mentors, mentees).values()), axis=0))


def topics(pool: Pool, rules: Rules, mentors: Ints, mentees: Ints) -> Ints:
    """How well the mentor teaches times how much the mentee wants, summed over all topics. In a mutual pair the weaker
    direction counts."""
    forth = np.einsum("...t,...t->...", pool.taught[mentors], pool.wanted[mentees])
    if rules.direction is not Direction.MUTUAL:
        return np.asarray(forth)
    back = np.einsum("...t,...t->...", pool.taught[mentees], pool.wanted[mentors])
    return np.asarray(np.minimum(forth, back))


def wishes(pool: Pool, mentors: Ints, mentees: Ints) -> Ints:
    """Each side's wish gives up to half of the points: all of that half for the first rank, a fifth less for each rank
    after it."""
    ways = (zip(mentors.ravel(), mentees.ravel(), strict=True), zip(mentees.ravel(), mentors.ravel(), strict=True))
    found = [[_wish_points(pool.wishes.get((int(one), int(other)))) for one, other in way] for way in ways]
    return np.asarray(np.asarray(found, dtype=np.int64).sum(axis=0)).reshape(mentors.shape)


def wish_points_by_couple(pool: Pool) -> dict[tuple[int, int], int]:
    """The points of every couple (mentor, mentee) in which one person wished for the other."""
    found: dict[tuple[int, int], int] = {}
    for (one, other), rank in pool.wishes.items():
        for couple in ((one, other), (other, one)):
            found[couple] = found.get(couple, 0) + _wish_points(rank)
    return found


def target_gap(rules: Rules) -> float:
    """The level gap that scores best: the one that the policy names, or else the middle of its range, or else one above
    the smallest gap."""
    policy = rules.policy
    if policy.target_level_gap is not None:
        return policy.target_level_gap
    if policy.max_level_gap is None:
        return policy.min_level_gap + 1
    return (policy.min_level_gap + policy.max_level_gap) / 2


def _wish_points(rank: int | None) -> int:
    return 0 if rank is None else POINTS // 2 * (MOST_WISHES + 1 - rank) // MOST_WISHES


def _cross_functional(pool: Pool, rules: Rules, mentors: Ints, mentees: Ints) -> Ints:
    departments, named = pool.traits[Trait.DEPARTMENT].of, pool.has_department
    different = departments[mentors] != departments[mentees]
    return np.asarray(POINTS * (different & named[mentors] & named[mentees]))


def _location(pool: Pool, rules: Rules, mentors: Ints, mentees: Ints) -> Ints:
    locations, named = pool.traits[Trait.LOCATION].of, pool.has_location
    same = locations[mentors] == locations[mentees]
    wanted = same if rules.policy.location is LocationPreference.SAME else ~same
    return np.asarray(POINTS * (wanted & named[mentors] & named[mentees]))


def _nearness(pool: Pool, rules: Rules, mentors: Ints, mentees: Ints) -> Ints:
    away = np.abs(level_gap(pool, rules.direction, mentors, mentees) - target_gap(rules))
    return np.asarray(np.rint(POINTS / (1 + away)), dtype=np.int64)


def _meeting_windows(pool: Pool, rules: Rules, mentors: Ints, mentees: Ints) -> Ints:
    return POINTS_A_SLOT * np.minimum(common_slots(pool, mentors, mentees), ENOUGH_SLOTS)


TRAIT_VALUES = (
    TraitValue(Preference.CROSS_FUNCTIONAL, Trait.DEPARTMENT, _cross_functional),
    TraitValue(Preference.MEETING_WINDOWS, Trait.SLOTS, _meeting_windows),
    TraitValue(Preference.LEVEL_GAP, Trait.LEVEL, _nearness),
    TraitValue(Preference.LOCATION, Trait.LOCATION, _location),
)
