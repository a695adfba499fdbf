"""`python -m tests.faults.delivery_worker`: the worker of notifications in a process that a test kills.

The order is one line of JSON on standard input: the settings, the address of Temporal, and the world that it reads
from; `page` is how many people are prepared at a time, and `pause` how many seconds it takes to read about them.
"""

import asyncio
import json
import sys
from typing import Any
from uuid import UUID

from services.notifications import audience
from services.notifications.main import create_activities
from shared.config import Settings
from shared.contracts.base import Service
from shared.contracts.intake import Contact
from shared.database import Database
from shared.http.internal import Internal
from shared.logging import configure_logging
from shared.temporal import activity_methods, connect, create_worker
from tests.services.notifications.world import World


def world_of(order: dict[str, Any]) -> World:
    world = World(UUID(order["organization_id"]))
    world.cycle_id, world.round_id = UUID(order["cycle_id"]), UUID(order["round_id"])
    world.contacts = {UUID(one["person_id"]): Contact.model_validate(one) for one in order["contacts"]}
    world.pending = set(world.contacts)
    world.pause = order.get("pause", 0.0)
    return world


async def work(settings: Settings, temporal: str, world: World) -> None:
    database, internal = Database(settings.database_url), Internal(settings, world.application(settings))
    activities = create_activities(database=database, internal=internal, settings=settings)
    client = await connect(temporal, lazy=False)
    await create_worker(client, Service.NOTIFICATIONS, activities=activity_methods(activities)).run()


def main() -> None:
    configure_logging("CRITICAL", "console")
    order = json.loads(sys.stdin.readline())
    audience.PAGE = order.get("page", audience.PAGE)
    asyncio.run(work(Settings(**order["settings"]), order["temporal"], world_of(order)))


if __name__ == "__main__":
    main()
