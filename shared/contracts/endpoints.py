"""Endpoints are the addresses at which an organization's own systems receive events (webhooks)."""

from abc import ABC, abstractmethod
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime
from temporalio import activity

from shared.contracts.base import Contract

DISABLED_AFTER = timedelta(days=5)
"""An endpoint is disabled after it has taken no event for this long. Messages to its owner say the same figure."""


class EndpointState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    """No events are sent to it. When it is enabled again, it gets those that it has missed."""


class DisableReason(StrEnum):
    FAILING = "failing"
    """The endpoint took no event for five days."""
    GONE = "gone"
    """The endpoint answered 410."""
    ADMIN = "admin"
    """An admin disabled it."""


class FailureStage(StrEnum):
    """What the owner of a failing endpoint is told."""

    FAILING = "failing"
    """An event failed for the fourth time."""
    DISABLING_SOON = "disabling_soon"
    """The endpoint took no event for four days; after the fifth day it is disabled."""


class EndpointRef(Contract):
    organization_id: UUID
    endpoint_id: UUID


class EndpointBrief(Contract):
    """What a message to an endpoint's owner tells. Notifications reads it over the internal API."""

    endpoint_id: UUID
    url: str
    description: str
    state: EndpointState
    disable_reason: DisableReason | None
    failing_since: AwareDatetime | None
    """When the first failure happened after the last success; None if there was none."""


class Drained(Contract):
    """What is left after a drain: sending an endpoint all that is due to it."""

    next_due_at: AwareDatetime | None = None
    """When the next attempt is due. None if nothing is left to send, or the endpoint is disabled."""


class EventsActivities(ABC):
    @activity.defn
    @abstractmethod
    async def drain_endpoint(self, request: EndpointRef) -> Drained:
        """Sends one endpoint what is due to it, until nothing is due for a moment or the activity's time is used up.
        It heartbeats."""
