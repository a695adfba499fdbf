"""Wiring of the event log: its feed, its catalogue, and the relay that runs beside it."""

from fastapi import APIRouter
from temporalio.client import Client

from services.events import api, api_catalogue
from services.events.dispatcher import Dispatcher
from services.events.relay import Relay
from shared.database import Database

router = APIRouter()
router.include_router(api.router)
router.include_router(api_catalogue.router)
webhooks = api_catalogue.describe_webhooks()


def create_relay(*, database: Database, client: Client, retention_days: int = 90) -> Relay:
    """Sequencer, dispatcher and keeper of this process; run it with `await relay.run(stop)`."""
    return Relay(database, Dispatcher(client), retention_days)
