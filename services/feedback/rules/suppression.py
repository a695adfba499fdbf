"""No figure about fewer than five people, and none that subtraction would give away.

A statistic over a group is hidden when the group is small. In a breakdown (people by obstacle, by topic) small cells
are hidden first; as the whole can be known from elsewhere, such as a round's number of answers, the smallest cells left
are hidden too until the people in hidden cells, taken together, are no small group either: cell suppression with
secondary suppression, as statistical offices do it (Hundepool et al., Statistical Disclosure Control, 2012, ch. 4).
"""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from uuid import UUID

from shared.contracts.matching import Side

SMALLEST_GROUP = 5


def is_small(people: Collection[UUID] | int) -> bool:
    """Whether a group (nobody included) is too small to be shown."""
    return (people if isinstance(people, int) else len(people)) < SMALLEST_GROUP


def hidden_cells(cells: Mapping[str, AbstractSet[UUID]]) -> frozenset[str]:
    """The cells of a breakdown that must not be shown, given the people in each."""
    hidden = {name for name, people in cells.items() if is_small(people)}
    for name in sorted(cells.keys() - hidden, key=lambda name: (len(cells[name]), name)):
        together = set().union(*(cells[name] for name in hidden))
        if not together or not is_small(together):
            break
        hidden.add(name)
    return frozenset(hidden)


def hidden_sides(sides: Mapping[Side, AbstractSet[UUID]]) -> frozenset[Side]:
    """All sides or none: one side shown beside a hidden one would give the other away to whoever knows the whole."""
    return frozenset(sides) if any(is_small(people) for people in sides.values()) else frozenset()
