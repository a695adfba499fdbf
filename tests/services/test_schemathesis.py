"""Whatever the API's own description allows, and much that it does not, is never answered by a failure of ours."""

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid4

import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from services.accounts.store.keys import create_access_key
from shared.auth import Role
from shared.config import Settings
from shared.contracts.base import Service
from shared.database import Database
from shared.http.application import create_application
from tests.clusters import cluster
from tests.services.wrong_input.public_routes import ROWS, add_world
from upward.composition import routers, webhooks
from upward.serving.server import listen

if TYPE_CHECKING:
    from tests.services.fuzzing import Api


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """A server of its own, as these calls are committed."""
    with tempfile.TemporaryDirectory(prefix="upward-fuzz-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with cluster(Path(folder).resolve() / "postgres", migrated=True) as url:
            yield url


class World(NamedTuple):
    admin_key: str
    ids: dict[str, UUID | int]


@pytest.fixture(scope="module")
def world(database_url: str) -> World:
    """An admin of an organization that has one of everything."""

    async def make() -> World:
        database, organization_id = Database(database_url, pool_size=1), uuid4()
        ids = await add_world(database, organization_id)
        async with database.transaction() as session:
            key = await create_access_key(session, organization_id, Role.ADMIN, "test")
        await database.close()
        return World(key, ids)

    return asyncio.run(make())


def application(url: str) -> FastAPI:
    own = Settings(database_url=url, service_token=SecretStr("a-service-token-of-the-tests-only-0123456789"))
    app = create_application(routers(list(Service)), Database(url), own, webhooks=webhooks(Service))
    app.state.stopping.set()  # nothing waits, whatever time it is given
    return app


@pytest.fixture(scope="module")
def api(database_url: str) -> Iterator["Api"]:
    """The whole API on a port of this machine."""
    from tests.services.fuzzing import Api

    app = application(database_url)
    with listen("127.0.0.1", 0) as address:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        serving = threading.Thread(target=server.run, kwargs={"sockets": [address]})
        serving.start()
        yield Api(f"http://127.0.0.1:{address.getsockname()[1]}", app.openapi())
        server.should_exit = True
        serving.join()


TAKING_NOTHING = {
    *("GET /v1/organization", "GET /v1/caller", "POST /v1/session", "DELETE /v1/session"),
    *("GET /v1/events/catalogue", "GET /v1/events/asyncapi.json", "GET /v1/people/values"),
    *("GET /v1/brand", "GET /v1/brand/logo", "GET /v1/sessions", "DELETE /v1/sessions"),
}
"""Nothing that they take could be wrong."""
OPERATIONS = [f"{row.method} {row.path}" for row in ROWS]
WAYS = [
    (operation, mode)
    for operation in OPERATIONS
    for mode in ("positive", "negative")
    if mode == "positive" or operation not in TAKING_NOTHING
]
"""Each operation with what the description allows, and with what it does not."""


def test_every_public_route_is_tried(api: "Api") -> None:
    assert set(api.operations) == set(OPERATIONS)


@pytest.mark.property
@pytest.mark.parametrize(("operation", "mode"), WAYS)
def test_no_input_makes_the_api_fail(operation: str, mode: str, api: "Api", world: World) -> None:
    api.try_out(operation, mode, world.admin_key, world.ids)
