"""Enabling and deleting endpoints: the work that takes long is done while the fan-out does not wait for it.

The fan-out serves all organizations at once. Whoever holds its lock, or locks a row that it needs, delays the events of
all of them. It needs no row of a disabled endpoint. So work that grows with the number of an endpoint's deliveries is
done in a transaction of its own, before the endpoint is enabled or after it was disabled. A crash in between leaves a
disabled endpoint, and the request can be repeated.
"""

from services.events.webhooks.rules.endpoints import Endpoint
from services.events.webhooks.store import endpoints
from shared.contracts.endpoints import EndpointRef
from shared.database import Database


async def enable_endpoint(database: Database, endpoint: EndpointRef, *, catch_up: bool) -> Endpoint:
    """Lets the endpoint receive events again; with `catch_up`, first what still waited and what happened meanwhile.
    Raises EndpointNotFound, EndpointIsEnabled."""
    async with database.transaction() as session:
        await endpoints.prepare_to_enable(session, endpoint, catch_up)
    async with database.transaction() as session:
        return await endpoints.enable_endpoint(session, endpoint, catch_up)


async def delete_endpoint(database: Database, endpoint: EndpointRef) -> None:
    """Deletes the endpoint with its deliveries, attempts and secrets. Raises EndpointNotFound."""
    async with database.transaction() as session:
        await endpoints.disable_endpoint(session, endpoint)
    async with database.transaction() as session:
        await endpoints.delete_endpoint(session, endpoint)
