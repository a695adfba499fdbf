"""The gate of every figure that is made of what people answered: the one rule about when it may be shown.

- A group of fewer than five people is not shown, and an empty group is such a group.
- In a breakdown the small cells are hidden first. The total may be known from elsewhere, for instance from the number
  of answers in a round. So the smallest cells that are left are hidden too, until the people in all hidden cells
  together are no small group. Statistical offices call this cell suppression with secondary suppression (Hundepool
  et al., Statistical Disclosure Control, 2012, ch. 4).
- A share is shown only if both of its sides are groups of five: "all of them" and "nobody" tell what each one said.
- A mean near the end of its scale is shown as "4.5 or more", or "1.5 or less", for the same reason.
- Figures that are read while answers still come in change only once five more people have answered. Otherwise whoever
  reads them before and after one answer knows the answer.

Every service that shows such figures asks here. Pure.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, NamedTuple
from uuid import UUID

from shared.contracts.intake import TopicFigures, TopicSupply
from shared.contracts.matching import Side

SMALLEST_GROUP = 5
HIGHEST, LOWEST = 4.5, 1.5
"""Means of a scale from 1 to 5 are shown exactly between these two."""


class ToldMean(NamedTuple):
    """A mean as it may be shown: exactly, or as one of the ends with "or more" or "or less"."""

    mean: float
    bound: Literal["or_more", "or_less"] | None


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


def hidden_counts(counts: Mapping[str, int]) -> frozenset[str]:
    """As `hidden_cells`, if only the numbers of people are known. People who are in several cells count for each."""
    hidden = {name for name, count in counts.items() if is_small(count)}
    for name in sorted(counts.keys() - hidden, key=lambda name: (counts[name], name)):
        if not 0 < sum(counts[name] for name in hidden) < SMALLEST_GROUP:
            break
        hidden.add(name)
    return frozenset(hidden)


def hidden_sides(sides: Mapping[Side, AbstractSet[UUID]]) -> frozenset[Side]:
    """All sides or none. Whoever knows the total could compute a hidden side from one that is shown."""
    return frozenset(sides) if any(is_small(people) for people in sides.values()) else frozenset()


def share_is_told(answers: Iterable[tuple[UUID, bool]]) -> bool:
    """Whether the share of those who said yes may be shown. `answers` holds who answered, and whether they said yes."""
    sides: dict[bool, set[UUID]] = {True: set(), False: set()}
    for person, said in answers:
        sides[said].add(person)
    return not any(is_small(people) for people in sides.values())


def told_mean(mean: float) -> ToldMean:
    """A mean of answers from 1 to 5 that enough people gave, to one decimal place."""
    rounded = round(mean, 1)
    if rounded >= HIGHEST:
        return ToldMean(HIGHEST, "or_more")
    return ToldMean(LOWEST, "or_less") if rounded <= LOWEST else ToldMean(rounded, None)


def told_topics(supply: Sequence[TopicSupply]) -> tuple[TopicFigures, ...]:
    """What may be shown of who teaches and who wants each topic. What lacks most places, as far as it is shown, comes
    first; otherwise the order stays."""
    taught, wanted, first = (
        hidden_counts({one.topic: getattr(one, name) for one in supply})
        for name in ("teachers", "wanted_by", "first_choice_of")
    )
    figures = [
        _figures(
            one,
            taught=one.topic not in taught,
            wanted=one.topic not in wanted,
            first=one.topic not in wanted | first and not 0 < one.wanted_by - one.first_choice_of < SMALLEST_GROUP,
        )
        for one in supply
    ]
    return tuple(sorted(figures, key=lambda one: (one.places or 0) - (one.wanted_by or 0)))


def untold_topics(supply: Sequence[TopicSupply]) -> tuple[TopicFigures, ...]:
    """The same topics, in the order of their codes, without any figure."""
    hidden = [_figures(one, taught=False, wanted=False, first=False) for one in supply]
    return tuple(sorted(hidden, key=lambda one: one.topic))


def _figures(one: TopicSupply, *, taught: bool, wanted: bool, first: bool) -> TopicFigures:
    return TopicFigures(
        topic=one.topic,
        label=one.label,
        teachers=one.teachers if taught else None,
        places=one.places if taught else None,
        wanted_by=one.wanted_by if wanted else None,
        first_choice_of=one.first_choice_of if first else None,
        gap=one.gap if taught and wanted else None,
        suppressed=not (taught and wanted and first),
    )
