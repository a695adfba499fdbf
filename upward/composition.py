"""The one place that knows all services: the HTTP routes and the Temporal activities of each."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from temporalio.client import Client
from temporalio.worker import Worker

import services.accounts.main as accounts
import services.console.main as console
import services.events.main as events
import services.feedback.main as feedback
import services.intake.main as intake
import services.matching.main as matching
import services.notifications.main as notifications
import services.programs.main as programs
from services.events.webhooks.sender import Sender
from shared.config import Settings
from shared.contracts.base import Service
from shared.contracts.rounds import RoundKind
from shared.database import Database
from shared.http.internal import Internal
from shared.temporal import WORKFLOWS_QUEUE, activity_methods, create_worker
from workflows.registry import WORKFLOWS

ROUTERS: dict[Service, APIRouter] = {
    Service.ACCOUNTS: accounts.router,
    Service.PROGRAMS: programs.router,
    Service.INTAKE: intake.router,
    Service.MATCHING: matching.router,
    Service.FEEDBACK: feedback.router,
    Service.NOTIFICATIONS: notifications.router,
    Service.EVENTS: events.router,
    Service.CONSOLE: console.router,
}

WEBHOOKS: dict[Service, APIRouter] = {Service.EVENTS: events.webhooks}
"""The requests that services send to others, which the OpenAPI document describes as webhooks."""


@dataclass(frozen=True)
class Resources:
    """What the services of one process share."""

    settings: Settings
    database: Database
    internal: Internal
    temporal: Client
    """The client connects when it is first used."""
    sender: Sender
    temporal_address: str | None = None
    """Overrides `TEMPORAL_ADDRESS`, for the embedded stack."""


ACTIVITIES: dict[Service, Callable[[Resources], object]] = {
    Service.PROGRAMS: lambda r: programs.create_activities(database=r.database, temporal=r.temporal),
    Service.INTAKE: lambda r: intake.create_activities(database=r.database),
    Service.MATCHING: lambda r: matching.create_activities(database=r.database, internal=r.internal),
    Service.FEEDBACK: lambda r: feedback.create_activities(database=r.database, internal=r.internal),
    Service.NOTIFICATIONS: lambda r: notifications.create_activities(
        database=r.database, internal=r.internal, settings=r.settings
    ),
    Service.EVENTS: lambda r: events.create_activities(database=r.database, sender=r.sender),
}

ROUND_KINDS: dict[Service, Collection[RoundKind]] = {
    Service.INTAKE: intake.ROUND_KINDS,
    Service.MATCHING: matching.ROUND_KINDS,
    Service.FEEDBACK: feedback.ROUND_KINDS,
}
"""The kinds of rounds that each service opens and closes, and whose answers it keeps."""

MOST_ACTIVITIES = 20
ACTIVITIES_AT_ONCE = {Service.EVENTS.value: 1000}
"""The most activities that a worker runs at the same time. A drain mostly waits for its endpoint, and endpoints that do
not answer must not keep others waiting. The worker of a queue that is not named runs `MOST_ACTIVITIES`."""

QUEUES: tuple[str, ...] = (WORKFLOWS_QUEUE, *(service.value for service in ACTIVITIES))
"""The task queues that have a worker."""


def routers(services: Iterable[Service]) -> list[APIRouter]:
    return [ROUTERS[service] for service in services]


def webhooks(services: Iterable[Service]) -> APIRouter:
    """The webhooks of these services for the OpenAPI document. They are described and not served."""
    described = APIRouter()
    for service in services:
        if service in WEBHOOKS:
            described.include_router(WEBHOOKS[service])
    return described


def queue_worker(queue: str, client: Client, resources: Resources) -> Worker:
    """The worker of one queue, which runs the workflows or the activities of a service."""
    if queue == WORKFLOWS_QUEUE:
        return create_worker(client, queue, workflows=WORKFLOWS)
    methods: list[Callable[..., Any]] = activity_methods(ACTIVITIES[Service(queue)](resources))
    return create_worker(client, queue, activities=methods, at_once=ACTIVITIES_AT_ONCE.get(queue, MOST_ACTIVITIES))
