"""Hides every figure about fewer than five people, and every figure from which such a one could be computed.

A statistic over a group is hidden if the group is small. In a breakdown (people by obstacle, people by topic) the small
cells are hidden first. The total may be known from elsewhere, for instance from the number of answers in a round. So
the smallest cells that are left are hidden too, until the people in all hidden cells together are no small group.
Statistical offices call this cell suppression with secondary suppression (Hundepool et al., Statistical Disclosure
Control, 2012, ch. 4).
"""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from uuid import UUID

from shared.contracts.matching import Side

SMALLEST_GROUP = 5


def is_small(people: Collection[UUID] | int) -> bool:
    """Whether a group is too small to be shown. An empty group is too small."""
    return (people if isinstance(people, int) else len(people)) < SMALLEST_GROUP


def hidden_cells(cells: Mapping[str, AbstractSet[UUID]]) -> frozenset[str]:
    """The names of the cells that must not be shown. `cells` holds the people in each cell."""
    hidden = {name for name, people in cells.items() if is_small(people)}
    for name in sorted(cells.keys() - hidden, key=lambda name: (len(cells[name]), name)):
        together = set().union(*(cells[name] for name in hidden))
        if not together or not is_small(together):
            break
        hidden.add(name)
    return frozenset(hidden)


def hidden_sides(sides: Mapping[Side, AbstractSet[UUID]]) -> frozenset[Side]:
    """All sides or none. Whoever knows the total could compute a hidden side from one that is shown."""
    return frozenset(sides) if any(is_small(people) for people in sides.values()) else frozenset()
