"""Endpoints: where an organization's own systems receive events (webhooks)."""

from abc import ABC, abstractmethod
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime
from temporalio import activity

from shared.contracts.base import Contract

DISABLED_AFTER = timedelta(days=5)
"""Without a success in between: what an owner is told and what is done are one figure."""


class EndpointState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    """Nothing is sent; it can be enabled again, and then catches up."""


class DisableReason(StrEnum):
    FAILING = "failing"
    """Nothing was taken for five days."""
    GONE = "gone"
    """The endpoint answered 410."""
    ADMIN = "admin"
    """An admin disabled it."""


class FailureStage(StrEnum):
    """What the owner of a failing endpoint is told."""

    FAILING = "failing"
    """An event failed for the fourth time."""
    DISABLING_SOON = "disabling_soon"
    """Nothing was taken for four days: after the fifth the endpoint is disabled."""


class EndpointRef(Contract):
    organization_id: UUID
    endpoint_id: UUID


class EndpointBrief(Contract):
    """What a message to an endpoint's owner says; read by notifications over the internal API."""

    endpoint_id: UUID
    url: str
    description: str
    state: EndpointState
    disable_reason: DisableReason | None
    failing_since: AwareDatetime | None
    """When the first of the failures happened that no success has followed."""


class Drained(Contract):
    """How far a drain came."""

    next_due_at: AwareDatetime | None = None
    """When something is to be sent again; None when nothing is left, or the endpoint is disabled."""


class EventsActivities(ABC):
    @activity.defn
    @abstractmethod
    async def drain_endpoint(self, request: EndpointRef) -> Drained:
        """Sends what is due to one endpoint, heartbeating, until nothing is due for a moment or its time is over."""
