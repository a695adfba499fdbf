"""The rules that say when a concern is raised and when it is escalated.

A participant who misses two check-in rounds in a row is a concern. If the silence goes on, there is no new concern,
even after a human has resolved the first one. Only an answer in between starts a new count.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from shared.contracts.feedback import ConcernRung
from shared.errors import Conflict, NotFound

MISSES = 2
"""So many missed check-ins in a row are a concern."""


class ConcernNotFound(NotFound):
    code = "concern_not_found"


class ConcernIsResolved(Conflict):
    code = "concern_resolved"


class ConcernStatus(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"


class Participant(NamedTuple):
    """One side of one pair."""

    pair_id: UUID
    person_id: UUID


class EarlierConcern(NamedTuple):
    """A concern about missed check-ins that was raised before."""

    number: int
    """The check-in round that raised it."""
    open: bool


def silent_participants(
    missed: Mapping[Participant, Collection[int]],
    earlier: Mapping[Participant, Collection[EarlierConcern]],
    number: int,
) -> list[Participant]:
    """The participants about whom check-in round `number` raises a concern when it closes, in a fixed order.

    `missed` holds, for each participant, the numbers of the closed rounds that asked them and got no answer.
    `earlier` holds the concerns about missed check-ins that were raised before.
    """
    return sorted(
        participant
        for participant, numbers in missed.items()
        if _is_new(_first_miss(numbers, number), number, earlier.get(participant, ()))
    )


def is_higher(rung: ConcernRung, told: ConcernRung | None) -> bool:
    """Whether `rung` is higher than the rung that was told last, if any was."""
    rungs = list(ConcernRung)
    return told is None or rungs.index(rung) > rungs.index(told)


def _first_miss(numbers: Collection[int], number: int) -> int:
    """The first of the rounds that were missed in a row up to `number`; `number` + 1 if that round was answered."""
    start = number + 1
    while start - 1 in numbers:
        start -= 1
    return start


def _is_new(start: int, number: int, earlier: Collection[EarlierConcern]) -> bool:
    long_enough = number - start + 1 >= MISSES
    return long_enough and not any(concern.open or concern.number >= start for concern in earlier)
