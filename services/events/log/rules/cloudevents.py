"""An event as other systems see it: CloudEvents 1.0 in structured JSON (https://github.com/cloudevents/spec).

- `type` is `app.upward.<type>.v<version>`, such as `app.upward.cycle.requested.v1`.
- `source` is `urn:upward:organization:<id>`. `source` and `id` together identify an event.
- `subject` is the aggregate, `<aggregate>/<id>`.
- `time` is in UTC.
- `sequence` is the specification's extension of that name: it counts the organization's events from 1, without gaps.
  The extension asks for a text whose alphabetical order is the order of events, so it has 19 digits with leading zeros.
  As a number it is what the parameter `after` of the feed takes.
"""

from collections.abc import Iterable
from datetime import UTC
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.base import Contract
from shared.contracts.events import (
    CATALOGUE,
    CheckInAnswered,
    ConcernRaised,
    EventData,
    EventRecord,
    MessageFailed,
    SurveyAnswered,
)
from shared.contracts.round_kinds import untold_reminders
from shared.errors import Invalid

PREFIX = "app.upward."
SEQUENCE_DIGITS = 19
NOT_TOLD = "not_told"
NO_ID = str(UUID(int=0))
"""The nil UUID (RFC 9562, 5.9), which stands for an id that is not told, so that the data still fit their schema."""


class UnknownEventType(Invalid):
    code = "unknown_event_type"


class CloudEvent(Contract):
    """One event; `data` holds ids, codes, counts and times only."""

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: str
    type: str
    subject: str
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    sequence: str
    data: dict[str, Any]


class EventPage(Contract):
    epoch: UUID
    """The epoch of the log, which changes when events that you have seen may be lost. Send it as `epoch` to notice."""
    events: tuple[CloudEvent, ...]
    after: int
    """How far the log was read: send it as `after` to go on. With `types` it passes over events of other types."""
    more: bool
    """Whether there were more events at that time."""


class CycleEvents(Contract):
    """One page of what happened in a cycle, newest first."""

    items: tuple[CloudEvent, ...]
    next: int | None = None
    """Send it as `before` for the next page; null on the last page."""

    def told_to_viewers(self) -> "CycleEvents":
        """The same page as a viewer may read it."""
        return self.model_copy(update={"items": tuple(map(_told_to_viewers, self.items))})


def type_name(type: str, version: int) -> str:
    """The CloudEvents `type` of a type of the catalogue."""
    return f"{PREFIX}{type}.v{version}"


def sequence_text(sequence: int) -> str:
    """The CloudEvents `sequence` of an event."""
    return str(sequence).zfill(SEQUENCE_DIGITS)


def source_of(organization_id: UUID) -> str:
    return f"urn:upward:organization:{organization_id}"


def cloud_event(record: EventRecord) -> CloudEvent:
    return CloudEvent(
        id=record.id,
        source=source_of(record.organization_id),
        type=type_name(record.type, record.version),
        subject=record.subject,
        time=record.time.astimezone(UTC),
        sequence=sequence_text(record.sequence),
        data=record.data,
    )


def page_of(found: list[EventRecord], after: int, limit: int, reached: int, epoch: UUID) -> EventPage:
    """The page of at most `limit` events after a sequence. `found` holds one more than `limit` when there are more.

    When there are no more, everything up to `reached` was read. The next page then begins after `reached`, even if the
    last events are of types that were not asked for.
    """
    given, more = found[:limit], len(found) > limit
    return EventPage(
        epoch=epoch,
        events=tuple(cloud_event(record) for record in given),
        after=given[-1].sequence if more else max(after, reached),
        more=more,
    )


def history_of(found: list[EventRecord], limit: int) -> CycleEvents:
    """The page of at most `limit` events. `found` holds one more than `limit` when there are more."""
    given, more = found[:limit], len(found) > limit
    return CycleEvents(items=tuple(map(cloud_event, given)), next=given[-1].sequence if more else None)


def told_to_viewers(page: EventPage) -> EventPage:
    """The same page as a viewer may read it. Why a concern was raised is told to coordinators only, because it tells
    what one of the two people said, and so is which pairs have answered a check-in or survey. A reminder that failed is
    no event any more, but the log may still hold some of earlier versions."""
    return page.model_copy(update={"events": tuple(map(_told_to_viewers, page.events))})


def _told_to_viewers(event: CloudEvent) -> CloudEvent:
    hidden: dict[str, Any] = {}
    if _is(event, ConcernRaised):
        hidden = {"reason": NOT_TOLD}
    elif _is(event, CheckInAnswered) or _is(event, SurveyAnswered):
        hidden = {"pair_id": NO_ID}
    elif _is(event, MessageFailed) and event.data["template"] in untold_reminders():
        event = event.model_copy(update={"subject": f"message/{NO_ID}"})
        hidden = {"message_id": NO_ID, "person_id": NO_ID}
    return event.model_copy(update={"data": event.data | hidden}) if hidden else event


def _is(event: CloudEvent, model: type[EventData]) -> bool:
    return event.type == type_name(model.type, model.version)


def parse_types(text: str | None) -> set[str]:
    """The types of the catalogue in a comma-separated list, in their short or CloudEvents form. An empty set means all.

    Raises UnknownEventType.
    """
    return check_types({name.strip() for name in (text or "").split(",")} - {""}, "query.types")


def check_types(names: Iterable[str], field: str = "body.types") -> set[str]:
    """The short forms of these types, which a field of a request names. Raises UnknownEventType."""
    known = {type: type for type in CATALOGUE}
    known |= {type_name(type, model.version): type for type, model in CATALOGUE.items()}
    wanted = set(names)
    if not wanted <= known.keys():
        raise UnknownEventType(
            "Some of these event types do not exist; see errors.",
            errors=[{"field": field, "detail": "expected types such as cycle.requested,pair.activated"}],
        )
    return {known[name] for name in wanted}
