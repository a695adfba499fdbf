"""What an admin may write into an endpoint, and what the API says of endpoints, their deliveries and attempts. Pure."""

import unicodedata
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator

from services.events.webhooks.rules.delivery import BackfillKind, DeliveryState
from shared.contracts.base import Contract
from shared.contracts.endpoints import DisableReason, EndpointState
from shared.errors import Conflict, Invalid, NotFound

MOST_ENDPOINTS = 50
"""Of one organization."""
MOST_SECRETS = 5
"""That sign at once."""
LEAST_OVERLAP_HOURS = 24
MOST_OVERLAP_HOURS = 168


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


class UnknownOwner(Invalid):
    code = "unknown_owner"


class DeliveryNotFound(NotFound):
    code = "delivery_not_found"


def _readable(value: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise ValueError("control characters and line breaks are not allowed")
    return value.strip()


class Strict(Contract, extra="forbid"):
    """Of an admin's document: a misspelt field is an error, not ignored."""


class EndpointDefinition(Strict):
    """An endpoint as an admin writes it."""

    url: Annotated[str, StringConstraints(max_length=2000)]
    """`https://…` on the public Internet."""
    owner_id: UUID
    """Who is told by e-mail when deliveries fail: an active person of the directory."""
    description: Annotated[str, StringConstraints(max_length=500), AfterValidator(_readable)] = ""
    types: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    """Of the catalogue, such as `pair.activated`; none means all, those that come later too."""
    rate_limit: Annotated[int, Field(ge=1, le=500)] = 50
    """Deliveries a second, at most."""


class EnableRequest(Strict):
    catch_up: bool = True
    """Whether what happened while it was disabled, and what still waited, is sent."""


class RotationRequest(Strict):
    overlap_hours: Annotated[int, Field(ge=LEAST_OVERLAP_HOURS, le=MOST_OVERLAP_HOURS)] = LEAST_OVERLAP_HOURS
    """How long the secrets of before sign too, beside the new one."""


class ReplayRequest(Strict):
    """Which events to send again: one, a range, or everything since a time."""

    what: BackfillKind = BackfillKind.DEAD
    """`dead`: those that were given up. `missed`: those that never had a delivery. `all`: every one that the endpoint's
    types choose."""
    sequence: Annotated[int | None, Field(ge=1, le=2**63 - 1)] = None
    from_sequence: Annotated[int | None, Field(ge=1, le=2**63 - 1)] = None
    to_sequence: Annotated[int | None, Field(ge=1, le=2**63 - 1)] = None
    since: AwareDatetime | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.sequence, self.from_sequence, self.since).count(None) != 2:
            raise ValueError("give one of sequence, from_sequence and since")
        if self.to_sequence is not None and (self.from_sequence is None or self.to_sequence < self.from_sequence):
            raise ValueError("to_sequence goes with from_sequence and is not below it")
        return self


class Endpoint(Contract):
    """An endpoint as it stands. `version` is also its ETag."""

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
    """When the first of the failures happened that no success has followed."""
    reached_sequence: int
    """Events after this one are delivered by themselves; earlier ones when they are replayed."""
    version: int
    created_at: AwareDatetime


class NewEndpoint(Endpoint):
    secret: str | None = None
    """Signs what is delivered. Shown now and never again: null when the request is repeated."""


class EndpointPage(Contract):
    items: tuple[Endpoint, ...]
    next: str | None = None
    """Cursor of the next page, null on the last."""


class NewSecret(Contract):
    secret: str | None = None
    """Signs from now on. Shown now and never again: null when the request is repeated."""
    old_secrets_expire_at: AwareDatetime
    """Until then the secrets of before sign too."""


class ReplayAccepted(Contract):
    what: BackfillKind
    from_sequence: int
    to_sequence: int
    """Events of this range are looked through; none when it is below `from_sequence`."""


class TestAccepted(Contract):
    """The event `endpoint.tested` was told; look for it among the attempts."""

    type: str


class Delivery(Contract):
    sequence: int
    event_id: UUID
    """The `webhook-id`."""
    type: str
    subject: str
    state: DeliveryState
    attempts: int
    """Failed ones since it began to wait."""
    due_at: AwareDatetime | None
    """When it is tried next, if nothing before it in its subject waits; null unless it waits."""
    created_at: AwareDatetime
    finished_at: AwareDatetime | None


class DeliveryPage(Contract):
    items: tuple[Delivery, ...]
    next: str | None = None
    """Cursor of the next page, null on the last."""


class Attempt(Contract):
    """One try to deliver."""

    id: int
    sequence: int
    number: int
    started_at: AwareDatetime
    latency_ms: int
    status: int | None
    """The answer's; null when none came."""
    failure: str | None
    """Why no answer came, such as `timed_out`."""
    answer: str | None
    """The first 2 kB of the answer's body."""


class AttemptPage(Contract):
    items: tuple[Attempt, ...]
    next: str | None = None
    """Cursor of the next page, null on the last."""
