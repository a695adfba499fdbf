"""Lengths of time in the fields of a form: a whole number of days, or an ISO 8601 duration for all others. Dates too.
Pure."""

import re
from collections.abc import Iterable
from datetime import date, timedelta

from pydantic import TypeAdapter

from shared.contracts.base import Duration
from shared.language.words import translatable

DAY = timedelta(days=1)
DAYS = re.compile(r"[0-9]{1,4}")
LENGTH = translatable("Write a whole number of days, from 1 to 731.")
ISO = TypeAdapter(timedelta)
READ: TypeAdapter[timedelta] = TypeAdapter(Duration)


class NoLength(ValueError):
    """What was typed is no length of time."""


def typed_length(length: timedelta) -> str:
    """The length as a field shows it."""
    days, rest = divmod(length, DAY)
    return str(days) if not rest else str(ISO.dump_python(length, mode="json"))


def read_length(typed: str) -> str:
    """The length as the API takes it. Raises NoLength."""
    text = typed.strip()
    if DAYS.fullmatch(text) and int(text):
        return f"P{int(text)}D"
    try:
        READ.validate_python(text.upper())
    except ValueError:
        raise NoLength(typed) from None
    return text.upper()


def typed_lengths(lengths: tuple[timedelta, ...]) -> str:
    return ", ".join(map(typed_length, lengths))


def read_lengths(typed: str) -> list[str]:
    """Lengths with commas, semicolons or spaces between them, in rising order, each once. Raises NoLength."""
    found = {READ.validate_python(read_length(part)) for part in re.split(r"[,;\s]+", typed) if part}
    return [str(ISO.dump_python(length, mode="json")) for length in sorted(found)]


def typed_dates(days: Iterable[date]) -> str:
    return ", ".join(day.isoformat() for day in days)


def read_dates(typed: str) -> list[str]:
    """Dates such as 2027-12-27 with commas, semicolons or spaces between them, in their order, each once. Raises
    ValueError."""
    found = {date.fromisoformat(part) for part in re.split(r"[,;\s]+", typed) if part}
    return [day.isoformat() for day in sorted(found)]
