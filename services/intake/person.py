"""A person of the directory, in the form in which the modules of intake pass them to each other."""

from datetime import date
from typing import NamedTuple
from uuid import UUID


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
