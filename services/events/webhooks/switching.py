"""Enabling and deleting endpoints: what takes long is done while nobody waits for it.

The fan-out serves all organizations at once: whoever keeps it away, or holds a row that it needs, keeps the events of
all of them waiting. It needs no row of a disabled endpoint. So work that grows with an endpoint's queue is done in a
transaction of its own, before it is enabled or after it was disabled. A crash in between leaves a disabled endpoint,
and the request can be repeated.
"""

from services.events.webhooks.rules.endpoints import Endpoint
from services.events.webhooks.store import endpoints
from shared.contracts.endpoints import EndpointRef
from shared.database import Database


async def enable_endpoint(database: Database, endpoint: EndpointRef, *, catch_up: bool) -> Endpoint:
    """Sends again; with `catch_up` what still waited and what happened meanwhile first. Raises EndpointNotFound,
    EndpointIsEnabled."""
    async with database.transaction() as session:
        await endpoints.prepare_to_enable(session, endpoint, catch_up)
    async with database.transaction() as session:
        return await endpoints.enable_endpoint(session, endpoint, catch_up)


async def delete_endpoint(database: Database, endpoint: EndpointRef) -> None:
    """With its deliveries, attempts and secrets. Raises EndpointNotFound."""
    async with database.transaction() as session:
        await endpoints.disable_endpoint(session, endpoint)
    async with database.transaction() as session:
        await endpoints.delete_endpoint(session, endpoint)
