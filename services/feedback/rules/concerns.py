"""When a concern is raised and how it climbs its ladder: rules only.

A participant who is silent in two check-in rounds in a row is a concern. Silence that goes on is the same run of misses
and no new concern, even after a human resolved the first; only an answer in between starts a new run.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from shared.contracts.feedback import ConcernRung
from shared.errors import NotFound

MISSES = 2


class ConcernNotFound(NotFound):
    code = "concern_not_found"


class ConcernStatus(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"


class Participant(NamedTuple):
    """One side of one pair."""

    pair_id: UUID
    person_id: UUID


class Told(NamedTuple):
    """A concern about missed check-ins that exists already."""

    number: int
    """The check-in round that raised it."""
    open: bool


def silent_participants(
    missed: Mapping[Participant, Collection[int]],
    told: Mapping[Participant, Collection[Told]],
    number: int,
) -> list[Participant]:
    """Whom closing check-in round `number` raises a concern about, in a fixed order.

    `missed` holds the numbers of the closed rounds in which each was asked and did not answer.
    """
    return sorted(
        participant
        for participant, numbers in missed.items()
        if _is_news(_run_start(numbers, number), number, told.get(participant, ()))
    )


def climbs(told: ConcernRung | None, rung: ConcernRung) -> bool:
    """Whether telling `rung` is a step up from the rung told last."""
    rungs = list(ConcernRung)
    return told is None or rungs.index(rung) > rungs.index(told)


def _run_start(numbers: Collection[int], number: int) -> int:
    """The first round of the unbroken run of misses that ends with `number`; above it if that one was answered."""
    start = number + 1
    while start - 1 in numbers:
        start -= 1
    return start


def _is_news(start: int, number: int, told: Collection[Told]) -> bool:
    long_enough = number - start + 1 >= MISSES
    return long_enough and not any(concern.open or concern.number >= start for concern in told)
