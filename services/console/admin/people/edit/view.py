"""The form for one person: what stands in it, what it sends, and what is said where the API refuses it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from services.console.admin.people.resources import Person
from shared.language.words import Words, translatable

TEXTS = (
    *("name", "given_name", "family_name", "email", "external_id", "job_title", "department", "location"),
    *("time_zone", "language", "hired_on", "available_from"),
)
NOT_SAID = ("external_id", "language", "hired_on", "available_from")
"""What is null when it is empty."""
STANDING = {
    "here": translatable("Works here"),
    "on_leave": translatable("Works here, and is on leave"),
    "left": translatable("Has left"),
}
LABELS = {
    "name": translatable("Name"),
    "given_name": translatable("Given name"),
    "family_name": translatable("Family name"),
    "email": translatable("E-mail address"),
    "external_id": translatable("Employee id"),
    "job_title": translatable("Job title"),
    "department": translatable("Department"),
    "location": translatable("Location"),
    "time_zone": translatable("Time zone"),
    "language": translatable("Language"),
    "level": translatable("Level"),
    "manager": translatable("Manager"),
    "standing": translatable("Who works here"),
    "hired_on": translatable("Works here since"),
    "available_from": translatable("Back on"),
}
WRONG = {
    "name": translatable("Enter the name in one line of at most 200 characters."),
    "email": translatable("Enter an e-mail address, such as ada.stone@example.com."),
    "time_zone": translatable("Enter a time zone by its name, such as Europe/Berlin."),
    "language": translatable("Enter the code of a language, such as en or de."),
    "level": translatable("Enter a whole number from 1 to 100. A higher one is more senior."),
    "hired_on": translatable("Enter a day after 1919."),
    "available_from": translatable("Enter a day, and only for somebody who is on leave."),
    "manager": translatable("Choose a manager who works here."),
}
TOO_LONG = translatable("Enter one line that is shorter.")
TAKEN = {
    "email": translatable("This e-mail address belongs to somebody else of the directory."),
    "external_id": translatable("This employee id belongs to somebody else of the directory."),
    "manager": translatable("This manager reports to this person, or does not work here."),
}
STALE = translatable(
    "Somebody else has changed this person while you were editing. Nothing of yours was saved yet. What they changed "
    "is marked below; if you send the form again, it replaces that."
)
ALSO_CHANGED = translatable("Somebody else has changed this in the meantime.")
NOBODY = translatable("Nobody who works here fits. Enter a name or an e-mail address of the directory.")
SEVERAL = translatable("More than one person fits. Enter the e-mail address.")


class Wrong(NamedTuple):
    field: str
    """Empty if it is about the whole form."""
    sentence: str


class PersonEdit(BaseModel):
    """What the API is sent."""

    name: str
    given_name: str
    family_name: str
    email: str
    external_id: str | None
    job_title: str
    department: str
    location: str
    time_zone: str
    language: str | None
    level: str
    """As it was typed: the API says what is wrong with it."""
    manager_id: UUID | None
    hired_on: str | None
    active: bool
    availability: str
    available_from: str | None


def as_typed(person: Person, manager_email: str) -> dict[str, str]:
    """The form as it is filled in before anybody types."""
    values: dict[str, Any] = person.model_dump(mode="json")
    values["language"] = person.language if person.language_known else ""
    away = "on_leave" if person.availability == "on_leave" else "here"
    fields = {name: values[name] or "" for name in TEXTS}
    fields |= {"level": str(person.level), "manager": manager_email, "standing": away if person.active else "left"}
    return fields


def edit_of(typed: Mapping[str, Any], manager_id: UUID | None) -> PersonEdit:
    """What the API is sent for what was typed."""
    given: dict[str, Any] = {name: str(typed.get(name, "")).strip() for name in TEXTS}
    given |= {name: given[name] or None for name in NOT_SAID}
    given["time_zone"] = given["time_zone"] or "UTC"
    standing = str(typed.get("standing", "here"))
    if standing != "on_leave":
        given["available_from"] = None
    return PersonEdit(
        **given,
        level=str(typed.get("level", "")).strip(),
        manager_id=manager_id,
        active=standing != "left",
        availability="on_leave" if standing == "on_leave" else "available",
    )


def refused(errors: Iterable[Mapping[str, Any]], *, taken: bool) -> list[Wrong]:
    """What the API refused, beside its fields and in the reader's language. `taken`: the fields are right, and do not
    fit the rest of the directory."""
    fields = [field_of(str(error["field"]).removeprefix("body.")) for error in errors]
    sentences = TAKEN if taken else WRONG
    return [Wrong(name, sentences.get(name, WRONG.get(name, TOO_LONG))) for name in dict.fromkeys(fields)]


def stale(changed: Iterable[str]) -> list[Wrong]:
    """What is said to the second of two admins."""
    fields = list(dict.fromkeys(field_of(name) for name in changed))
    return [Wrong("", STALE), *(Wrong(name, ALSO_CHANGED) for name in fields)]


def is_stale(sentences: Iterable[str]) -> bool:
    """Whether the form is shown again because somebody else was faster."""
    return STALE in sentences


def now_of(person: Person, manager: str, words: Words) -> dict[str, str]:
    """What the directory says now, by the fields of the form, for whoever was overtaken."""
    typed = as_typed(person, manager)
    return typed | {"standing": words.gettext(STANDING[typed["standing"]])}


def field_of(name: str) -> str:
    """The field of the form in which something of the API stands."""
    if name == "body":  # the rule about two fields: only the absent come back
        return "available_from"
    return {"manager_id": "manager", "active": "standing", "availability": "standing"}.get(name, name)
