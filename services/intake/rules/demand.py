"""The supply of and the demand for the topics of a program, among those who have enrolled so far. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.contracts.base import Contract
from shared.contracts.intake import TopicFigures, TopicSupply
from shared.contracts.programs import Topic


class Taught(NamedTuple):
    """The supply of a topic: the people who can mentor and teach it, and the people whom they can mentor together."""

    teachers: int = 0
    places: int = 0


class Wanted(NamedTuple):
    """The demand for a topic: the people who can be mentees and want to learn it."""

    wanted_by: int = 0
    first_choice_of: int = 0


class TopicSupplyList(Contract):
    items: tuple[TopicFigures, ...]
    """Every topic of the program. The topic that lacks most places, as far as that is shown, comes first."""


def supply_of(
    topics: Sequence[Topic], taught: Mapping[str, Taught], wanted: Mapping[str, Wanted]
) -> tuple[TopicSupply, ...]:
    """Every topic of the program, in its order."""
    return tuple(
        TopicSupply(
            topic=topic.code,
            label=topic.label,
            **taught.get(topic.code, Taught())._asdict(),
            **wanted.get(topic.code, Wanted())._asdict(),
        )
        for topic in topics
    )
