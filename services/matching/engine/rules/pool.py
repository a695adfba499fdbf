"""The people of one match run as columns of numbers, so that rules are sums and comparisons of whole arrays.

A *trait* is a feature with few different values, such as the level, the department or the set of languages. Each person
has the number of their value, and a rule that looks at one trait alone is computed once for each two values. Pure.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.matching.engine.rules.participant import SLOTS_A_WEEK, Participant

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


class Trait(StrEnum):
    LEVEL = "level"
    DEPARTMENT = "department"
    LOCATION = "location"
    LANGUAGES = "languages"
    SLOTS = "slots"
    MANAGER = "manager"


@dataclass(frozen=True)
class Values:
    """The values of one trait: `of[person]` is the number of a person's value, `example[number]` a person with it."""

    of: Ints
    example: Ints


class Pool:
    """People by index. Ties are broken by their order, which is decided by whoever builds the pool."""

    def __init__(self, people: Sequence[Participant]) -> None:
        self.people = tuple(people)
        self.index = {person.person_id: index for index, person in enumerate(self.people)}

    def __len__(self) -> int:
        return len(self.people)

    @cached_property
    def mentors(self) -> Ints:
        """Indexes of those with a free place as mentor."""
        return np.flatnonzero(self.mentor_places)

    @cached_property
    def mentees(self) -> Ints:
        return np.flatnonzero(self.mentee_places)

    @cached_property
    def mentor_places(self) -> Ints:
        return np.asarray([person.mentor_places for person in self.people], dtype=np.int64)

    @cached_property
    def mentee_places(self) -> Ints:
        return np.asarray([person.mentee_places for person in self.people], dtype=np.int64)

    @cached_property
    def levels(self) -> Ints:
        return np.asarray([person.level for person in self.people], dtype=np.int64)

    @cached_property
    def waited(self) -> Ints:
        return np.asarray([person.waited for person in self.people], dtype=np.int64)

    @cached_property
    def has_department(self) -> Bools:
        """Whose department is known. An unknown department is neither the same as another nor different from it."""
        return np.asarray([bool(person.department) for person in self.people], dtype=np.bool_)

    @cached_property
    def has_location(self) -> Bools:
        return np.asarray([bool(person.location) for person in self.people], dtype=np.bool_)

    @cached_property
    def slots(self) -> npt.NDArray[np.uint8]:
        """One row for each person, one column for each half hour of the week."""
        width = SLOTS_A_WEEK // 8
        raw = b"".join(person.slots.to_bytes(width, "little") for person in self.people)
        packed = np.frombuffer(raw, dtype=np.uint8).reshape(len(self.people), width)
        return np.unpackbits(packed, axis=1, bitorder="little")

    @cached_property
    def languages(self) -> npt.NDArray[np.uint8]:
        """One row for each person, one column for each language."""
        sets = self.traits[Trait.LANGUAGES]
        rows = [dict.fromkeys(self.people[index].languages, 1) for index in sets.example.tolist()]
        return _matrix(rows).astype(np.uint8)[sets.of]

    @cached_property
    def taught(self) -> Ints:
        """How well topics are taught, in quarters of a wish: one row for each person, one column for each topic."""
        return _matrix([person.taught for person in self.people], self.topics)

    @cached_property
    def wanted(self) -> Ints:
        """How much topics are wanted, in units of the wish: one row for each person, one column for each topic."""
        return _matrix([person.wanted for person in self.people], self.topics)

    @cached_property
    def topics(self) -> tuple[str, ...]:
        return tuple(sorted({topic for person in self.people for topic in (*person.taught, *person.wanted)}))

    @cached_property
    def traits(self) -> dict[Trait, Values]:
        return {
            Trait.LEVEL: _values(person.level for person in self.people),
            Trait.DEPARTMENT: _values(person.department for person in self.people),
            Trait.LOCATION: _values(person.location for person in self.people),
            Trait.LANGUAGES: _values(person.languages for person in self.people),
            Trait.SLOTS: _values(person.slots for person in self.people),
            # People without a manager share one with nobody.
            Trait.MANAGER: _values(
                person.managers[0] if person.managers else ("nobody", index) for index, person in enumerate(self.people)
            ),
        }

    def keys(self, couples: Iterable[tuple[UUID, UUID]]) -> Ints:
        """The keys of couples, sorted. Couples of people outside the pool are left out."""
        index = self.index
        known = [(index[one], index[other]) for one, other in couples if one in index and other in index]
        found = np.asarray(known, dtype=np.int64).reshape(-1, 2)
        return np.unique(self.key(found[:, 0], found[:, 1]))

    def key(self, mentors: Ints, mentees: Ints) -> Ints:
        """The key of a couple: its position in the matrix of all mentors and mentees, counted row by row."""
        return mentors * len(self) + mentees

    @cached_property
    def reporting_lines(self) -> Ints:
        """The keys of every two people of whom one stands above the other in the reporting line."""
        above = [
            (index, self.index[manager])
            for index, person in enumerate(self.people)
            for manager in person.managers
            if manager in self.index
        ]
        lines = np.asarray(above, dtype=np.int64).reshape(-1, 2)
        return np.unique(np.concatenate([self.key(lines[:, 0], lines[:, 1]), self.key(lines[:, 1], lines[:, 0])]))

    @cached_property
    def avoided(self) -> Ints:
        return self.keys(
            couple
            for person in self.people
            for other in person.avoided
            for couple in ((person.person_id, other), (other, person.person_id))
        )

    @cached_property
    def wishes(self) -> dict[tuple[int, int], int]:
        """The rank (1 is first) of the second person among the wishes of the first."""
        return {
            (index, self.index[other]): rank
            for index, person in enumerate(self.people)
            for rank, other in enumerate(person.preferred, start=1)
            if other in self.index
        }


def contains(keys: Ints, wanted: Ints) -> Bools:
    """Which of `wanted`, of any shape, are among the sorted `keys`."""
    if not len(keys):
        return np.zeros(wanted.shape, dtype=np.bool_)
    places = np.searchsorted(keys, wanted)
    return np.asarray(keys[np.minimum(places, len(keys) - 1)] == wanted)


def _values(values: Iterable[Hashable]) -> Values:
    numbers: dict[Hashable, int] = {}
    of, example = [], []
    for index, value in enumerate(values):
        if value not in numbers:
            numbers[value] = len(numbers)
            example.append(index)
        of.append(numbers[value])
    return Values(np.asarray(of, dtype=np.int64), np.asarray(example, dtype=np.int64))


def _matrix(rows: Sequence[dict[str, int]], columns: Sequence[str] | None = None) -> Ints:
    columns = columns if columns is not None else sorted({column for row in rows for column in row})
    place = {column: number for number, column in enumerate(columns)}
    matrix = np.zeros((len(rows), len(place)), dtype=np.int64)
    for index, column, value in _entries(rows, place):
        matrix[index, column] = value
    return matrix


def _entries(rows: Sequence[dict[str, int]], place: dict[str, int]) -> Iterator[tuple[int, int, int]]:
    return ((index, place[column], value) for index, row in enumerate(rows) for column, value in row.items())
