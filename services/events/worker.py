"""Wiring of events for workers: the sender and its activities, and the relay."""

from collections.abc import Collection
from functools import partial
from uuid import UUID

from temporalio.client import Client

from services.events.activities import Activities
from services.events.log.dispatcher import Dispatcher
from services.events.log.holding import Keeper
from services.events.recovery.looking import ReadRows, look
from services.events.recovery.rules.comparing import disagreeing
from services.events.relay import Relay
from services.events.webhooks.fan_out import FanOut
from services.events.webhooks.rules.delivery import Schedule
from services.events.webhooks.sender import Sender
from shared.config import Settings
from shared.database import Database


def create_relay(
    *, database: Database, client: Client, retention_days: int = 90, read_rows: ReadRows | None = None
) -> Relay:
    """The sequencer, dispatcher, fan-out, retention and keeper of holds of this process. Run it with `await
    relay.run(stop)`. `read_rows` reads what all services have stored that needs workflows; without it nobody who is
    held is released."""
    keeper = Keeper(database, partial(_agreeing, database, client, read_rows)) if read_rows is not None else None
    return Relay(database, Dispatcher(client), FanOut(database, client), retention_days, keeper)


async def _agreeing(
    database: Database, client: Client, read_rows: ReadRows, organizations: Collection[UUID]
) -> Collection[UUID]:
    return set(organizations) - disagreeing(await look(database, client, read_rows))


def create_sender(settings: Settings) -> Sender:
    """Sends to endpoints. A process needs one, and closes it at its end with `await sender.close()`."""
    return Sender(settings.webhook_development_networks)


def create_activities(*, database: Database, sender: Sender, schedule: Schedule = Schedule()) -> Activities:
    return Activities(database, sender, schedule)
