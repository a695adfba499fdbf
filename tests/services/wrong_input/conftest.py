"""All services in one application, and an organization that has one of everything."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from shared.auth import Role
from shared.config import Settings
from shared.contracts.base import Service
from shared.database import Database
from shared.http.application import create_application
from shared.keys import key_id_of
from tests.services.conftest import client_of
from tests.services.wrong_input.attempts import Attempts, Headers
from tests.services.wrong_input.public_routes import add_session, add_world
from upward.composition import routers, webhooks

KeyMaker = Callable[..., Awaitable[Headers]]


@pytest.fixture(scope="module")
def composed(database: Database, settings: Settings) -> FastAPI:
    return create_application(routers(list(Service)), database, settings, webhooks=webhooks(Service))


@pytest.fixture
async def http(composed: FastAPI, db: Database) -> AsyncIterator[httpx.AsyncClient]:
    """All services in one application, over the test's rolled-back database."""
    whole, composed.state.database = composed.state.database, db
    async with client_of(composed) as client:
        yield client
    composed.state.database = whole


@pytest.fixture
async def ids(db: Database, organization_id: UUID, admin: Headers) -> dict[str, UUID | int]:
    world = await add_world(db, organization_id)
    key_id = key_id_of(admin["authorization"].removeprefix("Bearer "))
    assert key_id is not None
    return world | {"session_id": await add_session(db, organization_id, key_id)}


@pytest.fixture
async def admin(access_key: KeyMaker) -> Headers:
    return await access_key(Role.OWNER)


@pytest.fixture
def attempts(http: httpx.AsyncClient, ids: dict[str, UUID | int], admin: Headers) -> Attempts:
    return Attempts(http, ids, admin)
