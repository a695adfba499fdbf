"""The one place that knows all services: the HTTP routes and the Temporal activities of each.

A room is imported when a process first asks for it, so that a process holds what it runs and nothing else.
"""

import asyncio
import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from temporalio.client import Client
from temporalio.worker import Worker

from shared.config import Settings
from shared.contracts.base import Service
from shared.contracts.rounds import RoundKind
from shared.database import Database
from shared.http.internal import Internal
from shared.telemetry.starting import Telemetry
from shared.temporal import WORKFLOWS_QUEUE, activity_methods, create_worker
from upward.deployment.build import version_of

if TYPE_CHECKING:
    from fastapi import APIRouter

    from services.events.log.holding import Gate
    from services.events.webhooks.sender import Sender

Part = TypeVar("Part")


class Rooms(Mapping[Service, Part]):
    """A part that each of these services has. Its room is imported when the part is asked for."""

    def __init__(self, services: Iterable[Service], module: str, name: str) -> None:
        """The part is called `name` in this module of the service."""
        self._services, self._module, self._name = tuple(services), module, name

    def __getitem__(self, service: Service) -> Part:
        if service not in self._services:
            raise KeyError(service)
        part: Part = getattr(import_module(f"services.{service.value}.{self._module}"), self._name)
        return part

    def __contains__(self, service: object) -> bool:
        return service in self._services

    def __iter__(self) -> Iterator[Service]:
        return iter(self._services)

    def __len__(self) -> int:
        return len(self._services)


ROUTERS: Mapping[Service, "APIRouter"] = Rooms(Service, "main", "router")

WEBHOOKS: Mapping[Service, "APIRouter"] = Rooms((Service.EVENTS,), "main", "webhooks")
"""The requests that services send to others, which the OpenAPI document describes as webhooks."""


@dataclass(frozen=True)
class Resources:
    """What the services of one process share."""

    settings: Settings
    database: Database
    internal: Internal
    temporal: Client
    """The client connects when it is first used."""
    temporal_address: str | None = None
    """Overrides `TEMPORAL_ADDRESS`, for the embedded stack."""
    telemetry: Telemetry | None = None

    @cached_property
    def sender(self) -> "Sender":
        """Sends to endpoints. It is made when it is first used."""
        from services.events.worker import create_sender

        return create_sender(self.settings)

    async def close(self) -> None:
        if self.telemetry is not None:
            await asyncio.to_thread(self.telemetry.close)  # it sends what is left
        await self.internal.close()
        if "sender" in vars(self):
            await self.sender.close()
        await self.database.close()


def _gate(resources: Resources) -> "Gate":
    """Says before each activity whether its organization is held since a restore."""
    from services.events.log.holding import Gate

    return Gate(resources.database)


def _programs(resources: Resources) -> object:
    from services.programs.worker import create_activities

    return create_activities(database=resources.database, temporal=resources.temporal)


def _intake(resources: Resources) -> object:
    from services.intake.worker import create_activities

    return create_activities(database=resources.database)


def _matching(resources: Resources) -> object:
    from services.matching.worker import create_activities

    return create_activities(database=resources.database, internal=resources.internal)


def _feedback(resources: Resources) -> object:
    from services.feedback.worker import create_activities

    return create_activities(database=resources.database, internal=resources.internal)


def _notifications(resources: Resources) -> object:
    from services.notifications.worker import create_activities

    return create_activities(database=resources.database, internal=resources.internal, settings=resources.settings)


def _events(resources: Resources) -> object:
    from services.events.worker import create_activities

    return create_activities(database=resources.database, sender=resources.sender)


ACTIVITIES: dict[Service, Callable[[Resources], object]] = {
    Service.PROGRAMS: _programs,
    Service.INTAKE: _intake,
    Service.MATCHING: _matching,
    Service.FEEDBACK: _feedback,
    Service.NOTIFICATIONS: _notifications,
    Service.EVENTS: _events,
}

ROUND_KINDS: Mapping[Service, Collection[RoundKind]] = Rooms(
    (Service.INTAKE, Service.MATCHING, Service.FEEDBACK), "worker", "ROUND_KINDS"
)
"""The kinds of rounds that each service opens and closes, and whose answers it keeps."""

MOST_ACTIVITIES = 20
ACTIVITIES_AT_ONCE = {Service.EVENTS.value: 1000, Service.NOTIFICATIONS.value: 60}
"""The most activities that a worker runs at the same time. A drain mostly waits for its endpoint, and endpoints that do
not answer must not keep others waiting. A delivery mostly waits for its turn with the connections to the mail server,
and many may be under way when the quarter begins. The worker of a queue that is not named runs `MOST_ACTIVITIES`."""

QUEUES: tuple[str, ...] = (WORKFLOWS_QUEUE, *(service.value for service in ACTIVITIES))
"""The task queues that have a worker."""


RELAY = "relay"
"""The worker of events that has no queue."""
WORKER_MODULES = {WORKFLOWS_QUEUE: ("workflows.registry",), RELAY: ("services.events.worker", "upward.purging")}
"""Where a worker's code is that is not in the `worker` of a service."""


def load(services: Iterable[Service], workers: Iterable[str]) -> None:
    """Imports what a process runs. Garbage is not looked for meanwhile, as modules stay (`upward/__main__.py`)."""
    collects = gc.isenabled()
    gc.disable()
    try:
        routers(services)
        for name in workers:
            for module in WORKER_MODULES.get(name, (f"services.{name}.worker",)):
                import_module(module)
    finally:
        if collects:
            gc.enable()


def routers(services: Iterable[Service]) -> "list[APIRouter]":
    return [ROUTERS[service] for service in services]


def webhooks(services: Iterable[Service]) -> "list[APIRouter]":
    """The webhooks of these services for the OpenAPI document. They are described and not served."""
    return [WEBHOOKS[service] for service in services if service in WEBHOOKS]


def workflows() -> Sequence[type]:
    """What the worker of `WORKFLOWS_QUEUE` runs."""
    from workflows.registry import WORKFLOWS

    return WORKFLOWS


def queue_worker(queue: str, client: Client, resources: Resources) -> Worker:
    """The worker of one queue, which runs the workflows or the activities of a service."""
    if queue == WORKFLOWS_QUEUE:
        # Activities have no versions: contracts only grow, so that those of a release serve the workflows of others.
        return create_worker(client, queue, workflows=workflows(), version=version_of(resources.settings))
    methods: list[Callable[..., Any]] = activity_methods(ACTIVITIES[Service(queue)](resources))
    # What other systems are told has happened. What people are told, and what happens next, is held after a restore.
    is_held = None if queue == Service.EVENTS else _gate(resources).is_closed
    at_once = ACTIVITIES_AT_ONCE.get(queue, MOST_ACTIVITIES)
    return create_worker(client, queue, activities=methods, at_once=at_once, is_held=is_held)
