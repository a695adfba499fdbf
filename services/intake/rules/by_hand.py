"""What an admin may write about one person by hand, by the same rules as an import, and the version of what was read.
Pure.

The version is made of one short hash for each field. So a person needs no column for it, whatever has changed them, and
whoever comes second is told which fields have changed.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Self, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from services.intake.importing.cells import parse_email, parse_language, parse_time_zone
from services.intake.importing.drafts import MAX_LENGTH, MAX_NAME, YEARS
from services.intake.importing.names import parse_name
from services.intake.person import Availability, PersonRecord
from shared.contracts.text import clean_text

Value = TypeVar("Value")
PERSON: dict[str, JsonValue] = {
    "name": "Ada Stone",
    "email": "ada.stone@example.com",
    "job_title": "VP Sales",
    "department": "Sales",
    "level": 4,
    "time_zone": "Europe/Berlin",
    "language": "de",
}
"""The example of the API's description."""
UNSAID_LANGUAGE = "en"
"""The language that matching takes for somebody of whom nobody said which."""
DIGITS = 8
"""Of the hash of one field, in hexadecimal: 32 bits."""


def _may_be_empty(value: str) -> str:
    return clean_text(value) if value.strip() else ""


def _or_none(parse: Callable[[str], Value]) -> Callable[[str | None], Value | None]:
    return lambda value: parse(value) if value else None


def _likely(value: date | None) -> date | None:
    if value is not None and value.year not in YEARS:
        raise ValueError(f"must not lie before {YEARS.start} or after {YEARS.stop - 1}")
    return value


Text = Annotated[str, Field(max_length=MAX_LENGTH["department"]), AfterValidator(_may_be_empty)]
NamePart = Annotated[str, Field(max_length=MAX_NAME), AfterValidator(_may_be_empty)]
Day = Annotated[date | None, AfterValidator(_likely)]


class PersonEdit(BaseModel):
    """One person of the directory as an admin writes it. An unknown field is refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, json_schema_extra={"examples": [PERSON]}
    )

    external_id: Annotated[
        str | None, Field(max_length=MAX_LENGTH["external_id"]), AfterValidator(_or_none(clean_text))
    ] = None
    """The employee id in your HR system, by which the next import recognises the person."""
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(clean_text)]
    given_name: NamePart = ""
    """With which messages greet. If it and `family_name` are empty, both are taken from the name."""
    family_name: NamePart = ""
    email: Annotated[str, Field(max_length=320), AfterValidator(parse_email)]
    job_title: Text = ""
    department: Text = ""
    location: Text = ""
    time_zone: Annotated[str, Field(max_length=100), AfterValidator(parse_time_zone)] = "UTC"
    language: Annotated[str | None, Field(max_length=50), AfterValidator(_or_none(parse_language))] = None
    """In which the person reads. Null if nobody knows: then the browser and the program decide."""
    level: Annotated[int, Field(ge=1, le=100)] = 1
    """Higher is more senior."""
    manager_id: UUID | None = None
    hired_on: Day = None
    active: bool = True
    """False: the person has left."""
    availability: Availability = Availability.AVAILABLE
    available_from: Day = None
    """The day on which somebody on leave is back."""

    @model_validator(mode="after")
    def only_the_absent_come_back(self) -> Self:
        if self.available_from is not None and self.availability is not Availability.ON_LEAVE:
            raise ValueError("available_from is for people on leave")
        return self

    def record(self, person_id: UUID) -> PersonRecord:
        """The person as the directory keeps it."""
        values = self.model_dump()
        if not self.given_name and not self.family_name:
            values |= {"given_name": parse_name(self.name).given_name, "family_name": parse_name(self.name).family_name}
        known = self.language is not None
        values |= {"language": self.language or UNSAID_LANGUAGE, "language_known": known}
        return PersonRecord(id=person_id, **values | {"availability": self.availability.value})


FIELDS = tuple(PersonEdit.model_fields)


def version_of(person: Mapping[str, Any]) -> str:
    """The version of what an admin may edit. `person` is the JSON of a person of the directory."""
    return "".join(_hash(value) for value in _values(person))


def changed_since(version: str, person: Mapping[str, Any]) -> list[str]:
    """The fields that have changed since this version was read. None are known of what is no version."""
    if len(version) != DIGITS * len(FIELDS):
        return []
    before = [version[start : start + DIGITS] for start in range(0, len(version), DIGITS)]
    return [name for name, old, now in zip(FIELDS, before, _values(person), strict=True) if old != _hash(now)]


def _values(person: Mapping[str, Any]) -> list[Any]:
    said = {**person, "language": person["language"] if person["language_known"] else None}
    return [said[name] for name in FIELDS]


def _hash(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:DIGITS]
