"""A person of the directory as intake's own modules pass them around."""

from datetime import date
from typing import NamedTuple
from uuid import UUID


class PersonRecord(NamedTuple):
    """One row of the directory without its timestamps; equal records mean that nothing changed."""

    id: UUID
    external_id: str | None
    """The employee id of the system that the import came from."""
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
