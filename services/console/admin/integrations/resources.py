"""What pages read of endpoints and events, and what they send: documents of the public API."""

from typing import Any
from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.base import Contract
from shared.contracts.endpoints import DisableReason, EndpointState


class EndpointDefinition(Contract):
    url: str
    owner_id: UUID
    description: str = ""
    types: tuple[str, ...] = ()
    rate_limit: int


class Endpoint(EndpointDefinition):
    id: UUID
    state: EndpointState
    disable_reason: DisableReason | None
    disabled_at: AwareDatetime | None
    failing_since: AwareDatetime | None
    created_at: AwareDatetime


class Endpoints(Contract):
    items: tuple[Endpoint, ...]
    next: str | None = None


class MadeEndpoint(Contract):
    id: UUID
    secret: str | None = None


class MadeSecret(Contract):
    secret: str | None = None
    old_secrets_expire_at: AwareDatetime


class Overlap(Contract):
    overlap_hours: int


class CatchUp(Contract):
    catch_up: bool


class Replay(Contract):
    """Which events to send again: one, or all since a time."""

    what: str
    sequence: int | None = None
    since: AwareDatetime | None = None


class ReplayAccepted(Contract):
    from_sequence: int
    to_sequence: int


class Accepted(Contract):
    """The answer to what is done later."""


class Delivery(Contract):
    sequence: int
    event_id: UUID
    type: str
    subject: str
    state: str
    attempts: int
    due_at: AwareDatetime | None
    created_at: AwareDatetime
    finished_at: AwareDatetime | None


class Deliveries(Contract):
    items: tuple[Delivery, ...]
    next: str | None = None


class Attempt(Contract):
    sequence: int
    number: int
    started_at: AwareDatetime
    latency_ms: int
    status: int | None
    failure: str | None
    answer: str | None


class Attempts(Contract):
    items: tuple[Attempt, ...]
    next: str | None = None


class EventType(Contract):
    name: str
    type: str
    version: int
    when: str
    subject: str
    data_schema: dict[str, Any]
    example: dict[str, Any]


class EventTypes(Contract):
    types: tuple[EventType, ...]


class Event(Contract):
    id: UUID
    type: str
    subject: str
    time: AwareDatetime
    sequence: str
    data: dict[str, Any]


class EventPage(Contract):
    events: tuple[Event, ...]


class Checkpoint(Contract):
    sequence: int


class Person(Contract):
    id: UUID
    name: str
    email: str
    active: bool


class People(Contract):
    items: tuple[Person, ...]
