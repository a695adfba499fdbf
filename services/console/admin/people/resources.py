"""What is read of the directory of people, as the public API answers it."""

from datetime import date
from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.base import Contract


class Person(Contract):
    id: UUID
    external_id: str | None = None
    email: str
    name: str
    given_name: str = ""
    family_name: str = ""
    job_title: str = ""
    department: str = ""
    location: str = ""
    time_zone: str = "UTC"
    language: str = "en"
    language_known: bool = True
    level: int = 1
    manager_id: UUID | None = None
    hired_on: date | None = None
    active: bool = True
    availability: str = "available"
    available_from: date | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class PeoplePage(Contract):
    items: tuple[Person, ...]
    next: str | None = None
    total: int | None = None


class Value(Contract):
    """A department or a location."""

    value: str
    active: int
    people: int


class Values(Contract):
    departments: tuple[Value, ...]
    locations: tuple[Value, ...]
    people: int
    active: int
