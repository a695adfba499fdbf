"""Supply of and demand for a program's topics among those who have enrolled so far. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.contracts.base import Contract
from shared.contracts.intake import TopicSupply
from shared.contracts.programs import Topic


class Taught(NamedTuple):
    """Who can mentor and teaches a topic."""

    teachers: int = 0
    places: int = 0


class Wanted(NamedTuple):
    """Who can be a mentee and wants a topic."""

    wanted_by: int = 0
    first_choice_of: int = 0


class TopicSupplyList(Contract):
    items: tuple[TopicSupply, ...]
    """Every topic of the program, the one that lacks most places first."""


def supply_of(
    topics: Sequence[Topic], taught: Mapping[str, Taught], wanted: Mapping[str, Wanted]
) -> tuple[TopicSupply, ...]:
    """Every topic, those wanted furthest beyond their teachers' places first, equal ones in the program's order."""
    found = [
        TopicSupply(
            topic=topic.code,
            label=topic.label,
            **taught.get(topic.code, Taught())._asdict(),
            **wanted.get(topic.code, Wanted())._asdict(),
        )
        for topic in topics
    ]
    return tuple(sorted(found, key=lambda one: one.places - one.wanted_by))
