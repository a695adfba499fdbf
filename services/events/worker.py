"""Wiring of events for workers: the sender and its activities, and the relay."""

from temporalio.client import Client

from services.events.activities import Activities
from services.events.log.dispatcher import Dispatcher
from services.events.relay import Relay
from services.events.webhooks.fan_out import FanOut
from services.events.webhooks.rules.delivery import Schedule
from services.events.webhooks.sender import Sender
from shared.config import Settings
from shared.database import Database


def create_relay(*, database: Database, client: Client, retention_days: int = 90) -> Relay:
    """The sequencer, dispatcher, fan-out and retention of this process. Run it with `await relay.run(stop)`."""
    return Relay(database, Dispatcher(client), FanOut(database, client), retention_days)


def create_sender(settings: Settings) -> Sender:
    """Sends to endpoints. A process needs one, and closes it at its end with `await sender.close()`."""
    return Sender(settings.webhook_development_networks)


def create_activities(*, database: Database, sender: Sender, schedule: Schedule = Schedule()) -> Activities:
    return Activities(database, sender, schedule)
