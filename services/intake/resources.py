"""What the public API answers about people and imports."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.intake.importing.problems import Problem
from services.intake.person import Availability
from shared.contracts.base import Contract
from shared.contracts.intake import EnrolmentRole
from shared.contracts.programs import Day
from shared.errors import NotFound

PeopleSort = Literal[
    "id",
    "-id",
    "name",
    "-name",
    "email",
    "-email",
    "department",
    "-department",
    "level",
    "-level",
    "location",
    "-location",
]
"""How the directory is sorted; the minus sign turns the order round."""


class PersonNotFound(NotFound):
    code = "person_not_found"


class PersonView(Contract):
    """One person of the directory."""

    id: UUID
    external_id: str | None
    email: str
    name: str
    given_name: str
    family_name: str
    job_title: str
    department: str
    location: str
    time_zone: str
    language: str
    language_known: bool = True
    """False: no import said which, and `language` is only the one that is taken then."""
    level: int
    manager_id: UUID | None
    hired_on: date | None
    active: bool
    availability: Availability = Availability.AVAILABLE
    """Somebody on leave is active, and is not asked to take part until `available_from`."""
    available_from: date | None = None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class PeoplePage(Contract):
    items: tuple[PersonView, ...]
    next: str | None = None
    """The cursor of the next page, or null on the last page."""
    total: int | None = None
    """How many people there are on all pages. Null on later pages, and if there are more than 20,000."""


class DirectoryValue(Contract):
    """A department or a location."""

    value: str
    active: int
    """How many people of it work here."""
    people: int
    """How many the directory has, those who have left among them."""


class DirectoryValues(Contract):
    """What the people of the directory have in common: the first 500 departments and locations."""

    departments: tuple[DirectoryValue, ...]
    locations: tuple[DirectoryValue, ...]
    people: int
    active: int


class PersonEnrolment(Contract):
    """What a person enrolled with for one cycle. `role` is null for "not this time"."""

    cycle_id: UUID
    role: EnrolmentRole | None
    topics_taught: tuple[str, ...]
    taught_levels: dict[str, int]
    topics_wanted: tuple[str, ...]
    mentor_capacity: int
    mentee_capacity: int
    languages: tuple[str, ...]
    meeting_windows: tuple[str, ...]
    preferred: tuple[UUID, ...]
    """Whom the person wishes for, the dearest wish first."""
    submitted_at: AwareDatetime


class PersonEnrolments(Contract):
    items: tuple[PersonEnrolment, ...]
    """The latest 100."""
    links: int
    """How many links to rounds the person has whose time has not ended."""


class PendingPerson(Contract):
    """Somebody whom a round asks and who has not answered everything."""

    id: UUID
    name: str
    email: str
    job_title: str
    department: str
    level: int
    missing: int
    """How many answers are missing: one, or one for each pair that was offered to the person."""


class PendingPage(Contract):
    items: tuple[PendingPerson, ...]
    next: str | None = None
    total: int | None = None
    """How many people there are on all pages. Null on later pages, and if there are more than 20,000."""


class ImportReport(Contract):
    """What an import did."""

    import_id: UUID
    created: int
    changed: int
    unchanged: int
    deactivated: int
    """The people of the directory whom the file names as leavers. They are counted in `changed` too."""
    skipped_leavers: int
    left_out: tuple[Problem, ...]
    """With `skip_invalid`, why rows were not imported: the first 200 reasons."""
    left_out_total: int = 0
    """How many such reasons there are."""
    notes: tuple[Problem, ...]
    """The rows that were imported and that somebody should look at: the first 200 notes."""
    notes_total: int = 0
    """How many notes there are."""


class AbsenceEdit(BaseModel):
    """Who stands in for somebody, and on which days. An unknown field is refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {
                    "deputy_id": "5e0c83b1-2f4d-4c8a-9d1e-7b6a3f2c1d0e",
                    "first_day": "2026-12-21",
                    "last_day": "2027-01-08",
                }
            ]
        },
    )

    deputy_id: UUID
    """Another active person of the organization."""
    first_day: Day
    last_day: Day
    """The last day of the absence, which is part of it."""


class AbsenceView(Contract):
    """On which days somebody is away, by their own clock, and who stands in for them."""

    person_id: UUID
    deputy_id: UUID
    first_day: date
    last_day: date
