"""On which levels the partners of a person stand, by the rules of a cycle. Pure.

Matching decides who meets whom, once everybody has enrolled. What is known before is whether the directory has anybody
at all who could be the partner of a person in a role. The tests compare these rules with those of matching.
"""

from typing import NamedTuple

from shared.contracts.intake import EnrolmentRole
from shared.contracts.programs import Direction, MatchingPolicy


class Levels(NamedTuple):
    """A range of levels, with its ends. None means that it has no end."""

    lowest: int | None
    highest: int | None


def partner_levels(direction: Direction, policy: MatchingPolicy, role: EnrolmentRole, level: int) -> tuple[Levels, ...]:
    """The levels on which somebody may stand who is matched with a person of this level in this role."""
    smallest = max(policy.min_level_gap, int(direction is Direction.MUTUAL))
    largest = policy.max_level_gap
    above = Levels(level + smallest, None if largest is None else level + largest)
    below = Levels(None if largest is None else level - largest, level - smallest)
    if direction is Direction.MUTUAL or role is EnrolmentRole.BOTH:
        return above, below
    mentors_are_junior = direction is Direction.REVERSE
    return (above,) if (role is EnrolmentRole.MENTOR) is mentors_are_junior else (below,)
