"""The form for an absence: what stands in it, what is sent, and what is said where the API refuses it. Pure."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.console.forms.errors import FieldError
from shared.contracts.base import Contract
from shared.language.words import translatable

LABELS = {
    "deputy": translatable("Deputy"),
    "first_day": translatable("First day"),
    "last_day": translatable("Last day"),
}
FIELDS = {"deputy_id": "deputy", "first_day": "first_day", "last_day": "last_day"}
"""The field of the form for each one of the API."""
WRONG = {
    "deputy": translatable("Choose somebody else who works here."),
    "first_day": translatable("Enter a day."),
    "last_day": translatable("Enter a day from today on that is not before the first day."),
}


class Absence(Contract):
    person_id: UUID
    deputy_id: UUID
    first_day: date
    last_day: date


class AbsenceEdit(BaseModel):
    """What the API is sent."""

    deputy_id: UUID
    first_day: str
    last_day: str


def as_typed(absence: Absence, deputy: str) -> dict[str, str]:
    return {
        "deputy": deputy,
        "first_day": absence.first_day.isoformat(),
        "last_day": absence.last_day.isoformat(),
    }


def refused(errors: Iterable[Mapping[str, Any]]) -> list[FieldError]:
    """The errors that the API named, each field once."""
    named = (str(one.get("field", "")).removeprefix("body.") for one in errors)
    return [FieldError(field, WRONG[field]) for field in dict.fromkeys(FIELDS.get(name, "deputy") for name in named)]
