"""Whatever the API's own description allows, and much that it does not, is never answered by a failure of ours."""

import asyncio
import re
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from pydantic import SecretStr
from schemathesis import Case, CheckContext, CheckFunction, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.accounts.store.keys import create_access_key
from shared.auth import Role
from shared.config import Settings
from shared.contracts.base import Service
from shared.database import Database
from shared.http.application import create_application
from tests.clusters import cluster
from tests.services.wrong_input.public_routes import ROWS, add_world
from tests.unit.properties import FACTOR
from upward.composition import routers, webhooks
from upward.process import listen

DESCRIBED_AS_IT_IS: list[CheckFunction] = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


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
def api_url(database_url: str) -> Iterator[str]:
    """The whole API on a port of this machine."""
    with listen("127.0.0.1", 0) as address:
        server = uvicorn.Server(uvicorn.Config(application(database_url), log_config=None, access_log=False))
        serving = threading.Thread(target=server.run, kwargs={"sockets": [address]})
        serving.start()
        yield f"http://127.0.0.1:{address.getsockname()[1]}"
        server.should_exit = True
        serving.join()


schema = schemathesis.openapi.from_dict(application("postgresql://nobody@127.0.0.1/nothing").openapi())
schema.config.generation.update(with_security_parameters=False)  # every call has a valid key
OPERATIONS = {found.ok().label: found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)}
TAKING_NOTHING = {
    *("GET /v1/organization", "GET /v1/caller", "POST /v1/session", "DELETE /v1/session"),
    *("GET /v1/events/catalogue", "GET /v1/events/asyncapi.json", "GET /v1/people/values"),
}
"""Nothing that they take could be wrong."""
WAYS = [
    (operation, mode)
    for operation in OPERATIONS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or operation not in TAKING_NOTHING
]
"""Each operation with what the description allows, and with what it does not."""


def problems_are_problems(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/problem+json"]
        document = response.json()
        assert document["status"] == response.status_code
        assert document["type"] == f"urn:upward:problem:{document['code']}"
        assert document["detail"]


def refusals_are_named(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """By their own status, and not only by the generic one, which the check of the statuses takes as well."""
    assert str(response.status_code) in case.operation.definition.raw["responses"]


def at_home(case: Case[Any], ids: dict[str, UUID | int]) -> Case[Any]:
    """Ids that could be ids become those of things that exist, so that calls get further than 404. What a DELETE would
    remove is needed by others."""
    if case.method == "DELETE":
        return case
    for name, value in (case.path_parameters or {}).items():
        if name in ids and isinstance(value, str) and re.fullmatch(r"[0-9a-f-]{36}", value):
            case.path_parameters[name] = str(ids[name])
    return case


def test_every_public_route_is_tried() -> None:
    assert set(OPERATIONS) == {f"{row.method} {row.path}" for row in ROWS}


@pytest.mark.property
@pytest.mark.parametrize(("operation", "mode"), WAYS)
def test_no_input_makes_the_api_fail(operation: str, mode: GenerationMode, api_url: str, world: World) -> None:
    @settings(
        max_examples=4 * FACTOR,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[operation].as_strategy(generation_mode=mode))
    def call(case: Case[Any]) -> None:
        at_home(case, world.ids).call_and_validate(
            base_url=api_url,
            headers={"authorization": f"Bearer {world.admin_key}"},
            checks=[not_a_server_error, problems_are_problems, refusals_are_named, *DESCRIBED_AS_IT_IS],
        )

    call()
