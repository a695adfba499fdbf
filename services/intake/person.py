"""A person of the directory, in the form in which the modules of intake pass them to each other."""

from datetime import date
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class Availability(StrEnum):
    """Whether an active person is asked to take part."""

    AVAILABLE = "available"
    ON_LEAVE = "on_leave"
    """Works here and is away for a while, so that nobody asks them until `available_from`."""


class PersonRecord(NamedTuple):
    """One person of the directory, without the timestamps. Two equal records mean that nothing has changed."""

    id: UUID
    external_id: str | None
    """The employee id in the system that the import came from."""
    email: str
    """In lower case."""
    name: str
    given_name: str
    family_name: str
    job_title: str
    department: str
    location: str
    time_zone: str
    language: str
    level: int
    """Higher is more senior."""
    manager_id: UUID | None
    hired_on: date | None
    active: bool
    availability: str = Availability.AVAILABLE
    available_from: date | None = None
    """The day on which somebody on leave is back. None if it is not known."""
    language_known: bool = True
    """False if `language` is only the one that is taken when no import said which."""
