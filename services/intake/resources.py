"""What the public API answers about people and imports."""

from datetime import date
from uuid import UUID

from pydantic import AwareDatetime

from services.intake.importing.problems import Problem
from services.intake.person import Availability
from shared.contracts.base import Contract
from shared.errors import NotFound


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
