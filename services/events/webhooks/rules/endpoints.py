"""The documents of the webhook API: what an admin may write, and what is shown of endpoints, deliveries and attempts.
Pure."""

import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID, uuid5

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from services.events.webhooks.rules.delivery import BackfillKind, DeliveryState
from shared.contracts.base import Contract, Moment
from shared.contracts.endpoints import DisableReason, EndpointState
from shared.contracts.text import has_hidden
from shared.errors import Conflict, NotFound

MOST_ENDPOINTS = 50
"""How many endpoints an organization may have."""
UNKNOWN_OWNER = "unknown_owner"
MOST_SECRETS = 5
"""How many secrets of an endpoint may sign at the same time."""
LEAST_OVERLAP_HOURS = 24
MOST_OVERLAP_HOURS = 168
ENDPOINT: dict[str, JsonValue] = {
    "url": "https://hooks.example.com/upward",
    "owner_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "description": "People analytics",
    "types": ["pair.activated", "pair.ended"],
}
"""The example of the API's description."""


class EndpointNotFound(NotFound):
    code = "endpoint_not_found"


class EndpointIsDisabled(Conflict):
    code = "endpoint_disabled"


class EndpointIsEnabled(Conflict):
    code = "endpoint_enabled"


class TooManyEndpoints(Conflict):
    code = "too_many_endpoints"


class TooManySecrets(Conflict):
    code = "too_many_secrets"


class DeliveryNotFound(NotFound):
    code = "delivery_not_found"


def _readable(value: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value) or has_hidden(value):
        raise ValueError("control characters, line breaks and characters that nobody sees are not allowed")
    return value.strip()


class Strict(Contract, extra="forbid"):
    """The base of documents that admins write. A misspelt field is an error and not ignored."""


class EndpointDefinition(Strict):
    """An endpoint as an admin writes it."""

    model_config = ConfigDict(json_schema_extra={"examples": [ENDPOINT]})

    url: Annotated[str, StringConstraints(max_length=2000)]
    """`https://…` on the public Internet."""
    owner_id: UUID
    """The person who is told by e-mail when deliveries fail: an active person of the directory."""
    description: Annotated[str, StringConstraints(max_length=500), AfterValidator(_readable)] = ""
    types: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    """Names of the catalogue, such as `pair.activated`. None means all types, also those that later versions add."""
    rate_limit: Annotated[int, Field(ge=1, le=500)] = 50
    """Deliveries per second, at most."""


class EnableRequest(Strict):
    model_config = ConfigDict(json_schema_extra={"examples": [{"catch_up": True}]})

    catch_up: bool = True
    """Whether events that happened while the endpoint was disabled, and deliveries that still waited, are sent."""


class RotationRequest(Strict):
    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_hours": 48}]})

    overlap_hours: Annotated[int, Field(ge=LEAST_OVERLAP_HOURS, le=MOST_OVERLAP_HOURS)] = LEAST_OVERLAP_HOURS
    """For how many hours the old secrets sign too, beside the new one."""


class ReplayRequest(Strict):
    """Which events to send again: one, a range, or all since a time."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"what": "dead", "since": "2027-01-11T09:00:00Z"}]})

    what: BackfillKind = BackfillKind.DEAD
    """`dead`: events that were given up. `missed`: events that never had a delivery. `all`: every event of the
    endpoint's types."""
    sequence: Annotated[int | None, Field(ge=1, le=2**63 - 1)] = None
    from_sequence: Annotated[int | None, Field(ge=1, le=2**63 - 1)] = None
    to_sequence: Annotated[int | None, Field(ge=1, le=2**63 - 1)] = None
    since: Moment | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.sequence, self.from_sequence, self.since).count(None) != 2:
            raise ValueError("give one of sequence, from_sequence and since")
        if self.to_sequence is not None and (self.from_sequence is None or self.to_sequence < self.from_sequence):
            raise ValueError("to_sequence goes with from_sequence and is not below it")
        return self


class Endpoint(Contract):
    """An endpoint as it is now. `version` is also its ETag."""

    id: UUID
    url: str
    owner_id: UUID
    description: str
    types: tuple[str, ...]
    rate_limit: int
    state: EndpointState
    disable_reason: DisableReason | None
    disabled_at: AwareDatetime | None
    failing_since: AwareDatetime | None
    """When the first failure happened after the last success."""
    reached_sequence: int
    """Events after this one are delivered without asking; earlier ones only if they are replayed."""
    version: int
    created_at: AwareDatetime


class NewEndpoint(Endpoint):
    secret: str | None = None
    """The secret that signs deliveries. It is shown now and never again: it is null when the request is repeated."""


class EndpointPage(Contract):
    items: tuple[Endpoint, ...]
    next: str | None = None
    """Cursor of the next page, null on the last."""


class NewSecret(Contract):
    secret: str | None = None
    """The secret that signs from now on. It is shown now and never again: it is null when the request is repeated."""
    old_secrets_expire_at: AwareDatetime
    """Until then the old secrets sign too."""


class ReplayAccepted(Contract):
    what: BackfillKind
    from_sequence: int
    to_sequence: int
    """The last event of the range. There is none if it is below `from_sequence`."""


class TestAccepted(Contract):
    """The event `endpoint.tested` was emitted. Look for it among the attempts."""

    type: str


class Delivery(Contract):
    sequence: int
    event_id: UUID
    """The `webhook-id` header of the delivery."""
    type: str
    subject: str
    state: DeliveryState
    attempts: int
    """How many attempts have failed since it began to wait."""
    due_at: AwareDatetime | None
    """When it is tried next, unless an earlier event of its subject waits. It is null if the delivery does not wait."""
    created_at: AwareDatetime
    finished_at: AwareDatetime | None


class DeliveryPage(Contract):
    items: tuple[Delivery, ...]
    next: str | None = None
    """Cursor of the next page, null on the last."""


class Attempt(Contract):
    """One attempt to deliver an event."""

    id: UUID
    sequence: int
    number: int
    started_at: AwareDatetime
    latency_ms: int
    status: int | None
    """The status of the answer; null if none came."""
    failure: str | None
    """Why no answer came, such as `timed_out`."""
    answer: str | None
    """The first 2 kB of the answer's body."""


def attempt_id(endpoint_id: UUID, sequence: int, number: int, started_at: datetime) -> UUID:
    """The id by which an attempt is shown. It follows from what is shown of it anyway. The id of its row would count
    the attempts of all organizations."""
    return uuid5(endpoint_id, f"{sequence}/{number}/{started_at.astimezone(UTC).isoformat()}")


class AttemptPage(Contract):
    items: tuple[Attempt, ...]
    next: str | None = None
    """Cursor of the next page, null on the last."""
