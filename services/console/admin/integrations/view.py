"""What the pages about integrations show, and what their forms mean. Pure."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from services.console.admin.integrations.resources import (
    Endpoint,
    EndpointDefinition,
    Event,
    Person,
    Replay,
)
from shared.contracts.endpoints import DisableReason, EndpointState
from shared.language.words import translatable

DEFAULT_RATE = 50
PREFIX = "app.upward."


class Health(StrEnum):
    WORKING = "working"
    FAILING = "failing"
    DISABLED = "disabled"


HEALTH = {
    Health.WORKING: translatable("Working"),
    Health.FAILING: translatable("Failing"),
    Health.DISABLED: translatable("Disabled"),
}
DISABLED_BECAUSE = {
    DisableReason.FAILING: translatable("It took no event for five days."),
    DisableReason.GONE: translatable("It answered that it is gone (410)."),
    DisableReason.ADMIN: translatable("An admin disabled it."),
}
STATES = {
    "waiting": translatable("Waiting"),
    "delivered": translatable("Delivered"),
    "dead": translatable("Given up"),
    "dropped": translatable("Not sent"),
}
WHAT = {
    "dead": translatable("Only events that were given up"),
    "missed": translatable("Only events that it never got, such as those while it was disabled"),
    "all": translatable("All events of its types, also those that it has taken"),
}
SINCE = {
    "1": translatable("the last 24 hours"),
    "7": translatable("the last 7 days"),
    "30": translatable("the last 30 days"),
}
OVERLAPS = {
    "24": translatable("for 24 hours"),
    "72": translatable("for 3 days"),
    "168": translatable("for 7 days"),
}
FIELDS = {
    "url": translatable("Address"),
    "owner": translatable("Person responsible"),
    "description": translatable("Description"),
    "types": translatable("Events"),
    "rate_limit": translatable("Deliveries per second, at most"),
}
DONE = {
    "created": translatable("The endpoint was made."),
    "changed": translatable("The endpoint was changed."),
    "deleted": translatable("The endpoint was deleted."),
    "disabled": translatable("The endpoint was disabled. Nothing is sent to it from now on."),
    "enabled": translatable("The endpoint was enabled."),
    "tested": translatable("A test event is on its way. It appears below in a moment."),
    "replayed": translatable("These events are sent again. They appear below as they go out."),
    "nothing": translatable("There is no such event, so nothing is sent again."),
}


class Line(NamedTuple):
    """One event in a list."""

    sequence: int
    type: str
    subject: str
    time: datetime
    data: str


def health_of(endpoint: Endpoint) -> Health:
    if endpoint.state is EndpointState.DISABLED:
        return Health.DISABLED
    return Health.FAILING if endpoint.failing_since else Health.WORKING


def line_of(event: Event) -> Line:
    short = event.type.removeprefix(PREFIX).rpartition(".v")[0]
    data = json.dumps(event.data, ensure_ascii=False, indent=2)
    return Line(int(event.sequence), short, event.subject, event.time, data)


def lines_of(events: Sequence[Event]) -> tuple[Line, ...]:
    """The newest first."""
    return tuple(line_of(event) for event in reversed(events))


def as_typed(endpoint: Endpoint, owner: str) -> list[tuple[str, str]]:
    """The fields of the form as they would be typed for this endpoint."""
    fields = [("url", endpoint.url), ("owner", owner), ("description", endpoint.description)]
    return [*fields, ("rate_limit", str(endpoint.rate_limit)), *(("types", name) for name in endpoint.types)]


def definition_of(typed: Mapping[str, str], types: Sequence[str], owner_id: UUID) -> EndpointDefinition:
    """Raises ValueError if the rate is no whole number."""
    return EndpointDefinition(
        url=typed.get("url", "").strip(),
        owner_id=owner_id,
        description=typed.get("description", "").strip(),
        types=tuple(types),
        rate_limit=int(typed.get("rate_limit", "") or DEFAULT_RATE),
    )


def owner_in(found: Sequence[Person], typed: str) -> Person | None:
    """The person whose address was typed, or whose name it is if nobody else has it."""
    wanted = typed.strip().casefold()
    active = [one for one in found if one.active]
    by_address = [one for one in active if one.email.casefold() == wanted]
    by_name = [one for one in active if one.name.casefold() == wanted]
    return next((named[0] for named in (by_address, by_name) if len(named) == 1), None)


def changed_since(typed: Sequence[tuple[str, str]], now: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The fields in which what is stored now differs from what was typed, with what is stored."""

    def values(fields: Sequence[tuple[str, str]], name: str) -> list[str]:
        return sorted(value.strip() for field, value in fields if field == name)

    differing = [name for name in FIELDS if values(typed, name) != values(now, name)]
    return {name: ", ".join(values(now, name)) or "–" for name in differing}


def replay_of(typed: Mapping[str, Any], now: datetime) -> Replay:
    """One event if the form names it, or else all since some days. Raises ValueError for what no form of ours sends."""
    if sequence := str(typed.get("sequence", "")).strip():
        return Replay(what="all", sequence=int(sequence))
    what, days = str(typed.get("what", "")), str(typed.get("since", ""))
    if what not in WHAT or days not in SINCE:
        raise ValueError("no such choice")
    return Replay(what=what, since=(now - timedelta(days=int(days))).astimezone(UTC))
