"""Wiring of the event log: its feed, and the relay that runs beside it."""

from temporalio.client import Client

from services.events.api import router as feed
from services.events.dispatcher import Dispatcher
from services.events.relay import Relay
from shared.database import Database

router = feed


def create_relay(*, database: Database, client: Client) -> Relay:
    """Sequencer and dispatcher of this process; run it with `await relay.run(stop)`."""
    return Relay(database, Dispatcher(client))
