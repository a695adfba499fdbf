"""The fields of the form of a program: how a definition fills them, and what was typed becomes a definition. Pure.

What cannot be read at all is refused here. Everything else is checked by the API, and `field_of` finds the field that
each of its errors is about.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from starlette.datastructures import FormData

from services.console.admin.programs.resources import Definition, Draft
from services.console.admin.programs.rules.lengths import (
    LENGTH,
    NoLength,
    read_dates,
    read_length,
    read_lengths,
    typed_dates,
    typed_length,
    typed_lengths,
)
from services.console.admin.programs.rules.zones import zone_typed
from services.console.forms.errors import FieldError, Refused
from shared.contracts.programs import Calendar, MatchingPolicy, Topic, Weights
from shared.language.words import translatable

ROUNDS = ("enrolment", "acceptance", "check_in", "survey")
APART = ("reporting_line", "same_manager", "different_department", "common_language")
LADDERS = ("approval", "concern")
EMPTY_ROWS, MORE_ROWS = 2, 6
MOST_TOPICS = 100
CODE = 60
"""The longest code of a topic."""
LENGTHS = translatable("Write whole numbers of days with commas between them, such as 7, 12.")
NUMBER = translatable("Write a whole number.")
DATES = translatable("Write dates such as 2027-12-27 with commas between them.")
HOURS = translatable("Write a number of hours, such as 2 or 1.5.")


def topic_rows(typed: FormData) -> range:
    """The rows of topics in the form, counted from 1. There are some empty ones at the end."""
    sent = [int(name[12:]) for name in typed if re.fullmatch(r"topic_label_[0-9]{1,3}", name)]
    filled = max((row for row in sent if _text(typed, f"topic_label_{row}")), default=0)
    more = MORE_ROWS if typed.get("do") == "topics" else EMPTY_ROWS
    return range(1, max(filled, min(filled + more, MOST_TOPICS)) + 1)


def fields_of(definition: Definition) -> FormData:
    """What the fields show of a definition."""
    calendar, policy = definition.calendar, definition.policy
    fields: list[tuple[str, str]] = [
        ("name", definition.name),
        ("direction", definition.direction.value),
        ("time_zone", definition.time_zone),
        ("language", definition.language),
        ("sponsor", str(definition.sponsor_id or "")),
        *(("coordinators", str(one)) for one in definition.coordinator_ids),
        *(("recurs", "yes") for _ in range(definition.recurs)),
    ]
    for row, topic in enumerate(definition.topics, 1):
        fields += [(f"topic_code_{row}", topic.code), (f"topic_label_{row}", topic.label)]
        fields += [(f"topic_also_{row}", ", ".join(topic.aliases))]
    return FormData([*fields, *_calendar_fields(calendar), *_policy_fields(policy)])


def read_draft(typed: FormData) -> Draft:
    """Raises Refused for what cannot be read."""
    reader = Reader(typed)
    draft = Draft(
        name=_text(typed, "name"),
        direction=_text(typed, "direction"),
        time_zone=zone_typed(_text(typed, "time_zone")),
        language=_text(typed, "language"),
        topics=tuple(_topics(typed)),
        calendar=_calendar(reader),
        policy=_policy(reader),
        sponsor_id=_text(typed, "sponsor") or None,
        coordinator_ids=tuple(dict.fromkeys(str(one) for one in typed.getlist("coordinators") if one)),
        recurs=typed.get("recurs") == "yes",
        rows=tuple(_filled_rows(typed)),
    )
    if reader.errors:
        raise Refused(reader.errors)
    return draft


def chosen_people(typed: FormData) -> list[UUID]:
    """Who is chosen in the form. What is no id is left out."""
    return [one for text in (typed.get("sponsor", ""), *typed.getlist("coordinators")) if (one := as_id(str(text)))]


def as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


class Reader:
    """Reads fields and collects what cannot be read."""

    def __init__(self, typed: FormData) -> None:
        self.typed = typed
        self.errors: list[FieldError] = []

    def read(self, field: str, convert: Callable[[str], Any], problem: str, empty: Any = None) -> Any:
        """What is typed, or `empty` if nothing is."""
        text = _text(self.typed, field)
        if not text and empty is not None:
            return empty
        try:
            return convert(text)
        except (NoLength, ValueError):
            self.errors.append(FieldError(field, problem))
            return None

    def optional(self, field: str, convert: Callable[[str], Any], problem: str) -> Any:
        """What is typed, or None if nothing is."""
        return self.read(field, convert, problem) if _text(self.typed, field) else None


def _calendar_fields(calendar: Calendar) -> Iterator[tuple[str, str]]:
    for name in ROUNDS:
        plan = getattr(calendar, name)
        yield f"{name}_length", typed_length(plan.length)
        yield f"{name}_reminders", typed_lengths(plan.reminders)
    for name in LADDERS:
        ladder = getattr(calendar, name)
        yield f"{name}_remind", typed_length(ladder.remind_every)
        yield f"{name}_escalate", typed_length(ladder.escalate_after)
    yield "days", "working" if calendar.working_days else "all"
    yield "holidays", typed_dates(calendar.holidays)
    yield "check_ins", str(calendar.check_ins)
    yield "first_check_in", typed_length(calendar.first_check_in) if calendar.first_check_in else ""
    yield "check_in_every", typed_length(calendar.check_in_every)
    hours = calendar.sending_hours
    yield "sending", "hours" if hours else "any"
    yield "sending_start", f"{hours.start:%H:%M}" if hours else "08:00"
    yield "sending_end", f"{hours.end:%H:%M}" if hours else "18:00"


def _calendar(reader: Reader) -> dict[str, JsonValue]:
    rounds = {
        name: {
            "length": reader.read(f"{name}_length", read_length, LENGTH),
            "reminders": reader.read(f"{name}_reminders", read_lengths, LENGTHS, empty=[]),
        }
        for name in ROUNDS
    }
    ladders = {
        name: {
            "remind_every": reader.read(f"{name}_remind", read_length, LENGTH),
            "escalate_after": reader.read(f"{name}_escalate", read_length, LENGTH),
        }
        for name in LADDERS
    }
    hours = {"start": _text(reader.typed, "sending_start"), "end": _text(reader.typed, "sending_end")}
    return {
        **rounds,
        **ladders,
        "working_days": reader.typed.get("days") == "working",
        "holidays": reader.read("holidays", read_dates, DATES, empty=[]),
        "check_ins": reader.read("check_ins", int, NUMBER),
        "first_check_in": reader.optional("first_check_in", read_length, LENGTH),
        "check_in_every": reader.read("check_in_every", read_length, LENGTH),
        "sending_hours": None if reader.typed.get("sending") == "any" else hours,
    }


def _policy_fields(policy: MatchingPolicy) -> Iterator[tuple[str, str]]:
    yield "objective", policy.objective.value
    yield "floor", str(policy.floor)
    for name in ("min_level_gap", "max_level_gap", "target_level_gap"):
        value = getattr(policy, name)
        yield name, "" if value is None else str(value)
    for name in APART:
        if getattr(policy, name):
            yield "apart", name
    yield "min_common_hours", f"{policy.min_common_hours:g}"
    after = policy.repeat_after_cycles
    yield "past", "again" if policy.repeat_past_pairs else "never" if after is None else "later"
    yield "past_after", "" if after is None else str(after)
    yield "location", policy.location.value
    for name in Weights.model_fields:
        yield f"weight_{name}", str(getattr(policy.weights, name))


def _policy(reader: Reader) -> dict[str, JsonValue]:
    typed, past = reader.typed, reader.typed.get("past")
    quality = typed.get("objective") == "quality_first"
    apart = set(typed.getlist("apart"))
    weights = {name: reader.read(f"weight_{name}", int, NUMBER) for name in Weights.model_fields}
    return {
        "objective": _text(typed, "objective"),
        "floor": reader.read("floor", int, NUMBER, empty=0) if quality else 0,
        "min_level_gap": reader.read("min_level_gap", int, NUMBER),
        "max_level_gap": reader.optional("max_level_gap", int, NUMBER),
        "target_level_gap": reader.optional("target_level_gap", int, NUMBER),
        **{
            name: name in apart
            for name in ("reporting_line", "same_manager", "different_department", "common_language")
        },
        "min_common_hours": reader.read("min_common_hours", _hours, HOURS, empty=0),
        "repeat_past_pairs": past == "again",
        "repeat_after_cycles": reader.read("past_after", int, NUMBER) if past == "later" else None,
        "location": _text(typed, "location"),
        "weights": weights,
    }


def _topics(typed: FormData) -> Iterator[dict[str, JsonValue]]:
    """The topics of the rows that are filled in. A new one gets a code of its name, and keeps it from then on."""
    rows = _filled_rows(typed)
    taken = {_text(typed, f"topic_code_{row}") for row in rows}
    for row in rows:
        label, code = _text(typed, f"topic_label_{row}"), _text(typed, f"topic_code_{row}")
        if not code:
            code = _free(code_of(label), taken)
            taken.add(code)
        also = [part.strip() for part in re.split(r"[,;]", _text(typed, f"topic_also_{row}")) if part.strip()]
        yield Topic.model_construct(code=code, label=label, aliases=tuple(also)).model_dump(mode="json")


def _filled_rows(typed: FormData) -> list[int]:
    return [row for row in topic_rows(typed) if _text(typed, f"topic_label_{row}")]


def code_of(label: str) -> str:
    """Such as `generative-ai` of `Generative AI`. A name without any Latin letter or digit becomes `topic`."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: CODE - 4].strip("-") or "topic"


def _free(code: str, taken: set[str]) -> str:
    number = 2
    found = code
    while found in taken:
        found, number = f"{code}-{number}", number + 1
    return found


def _hours(text: str) -> float:
    return float(text.replace(",", "."))


def _text(typed: FormData, name: str) -> str:
    return str(typed.get(name, "")).strip()
