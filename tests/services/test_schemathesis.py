"""Whatever the API's own description allows, and much that it does not, is never answered by a failure of ours."""

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from schemathesis import Case, CheckContext, Response
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import response_schema_conformance

from services.programs.keys import create_access_key, find_or_create_organization
from shared.auth import Role
from shared.config import Settings
from shared.contracts.base import Service
from shared.database import Database
from shared.http.application import create_application
from tests.services.wrong_input.public_routes import add_world
from upward.composition import routers
from upward.embedded import EmbeddedPostgres
from upward.migration import migrate
from upward.process import listen

EXAMPLES = 10


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """A server of its own, as these calls are committed."""
    with tempfile.TemporaryDirectory(prefix="upward-fuzz-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        postgres = EmbeddedPostgres(Path(folder).resolve() / "postgres")
        url = postgres.start()
        migrate(url)
        yield url
        postgres.stop()


@pytest.fixture(scope="module")
def admin_key(database_url: str) -> str:
    """An admin of an organization that has one of everything."""

    async def make() -> str:
        database = Database(database_url, pool_size=1)
        async with database.transaction() as session:
            organization_id = await find_or_create_organization(session, "Example Inc")
            key = await create_access_key(session, organization_id, Role.ADMIN, "fuzzing")
        await database.close()
        return key

    return asyncio.run(make())


def application(url: str) -> FastAPI:
    own = Settings(database_url=url, service_token=SecretStr("a-service-token-of-the-tests-only-0123456789"))
    return create_application(routers(list(Service)), Database(url), own)


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


def problems_are_problems(ctx: CheckContext, response: Response, case: Case) -> None:
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/problem+json"]
        document = response.json()
        assert document["status"] == response.status_code
        assert document["type"] == f"urn:upward:problem:{document['code']}"
        assert document["detail"]


@schema.parametrize()
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_no_input_makes_the_api_fail(case: Case, api_url: str, admin_key: str) -> None:
    case.call_and_validate(
        base_url=api_url,
        headers={"authorization": f"Bearer {admin_key}"},
        checks=[not_a_server_error, response_schema_conformance, problems_are_problems],
    )
