"""A cycle that is watched, and the Temporal that the watch asks."""

from collections.abc import AsyncIterator, Callable
from typing import Any, cast
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update
from temporalio.client import Client

from services.events import main as events
from services.programs import main as programs
from services.programs.models import CycleRow
from services.programs.watching import Watch
from shared.auth import Role
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.programs_examples import PROGRAM, add_organization, once
from tests.services.watching.world import LONG_AGO, Headers, Workflows


@pytest.fixture
async def app(db: Database, application: Callable[..., FastAPI], organization_id: UUID) -> FastAPI:
    await add_organization(db, organization_id)
    return application(programs, events)


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
def temporal() -> Workflows:
    return Workflows()


@pytest.fixture
def watch(db: Database, app: FastAPI, temporal: Workflows) -> Watch:
    return Watch(db, app.state.internal, cast(Client, temporal))


@pytest.fixture
async def key(access_key: Callable[..., Any]) -> Headers:
    found: Headers = await access_key(Role.ADMIN)
    return found


@pytest.fixture
async def cycle_id(http: httpx.AsyncClient, db: Database, temporal: Workflows, key: Headers) -> UUID:
    """A cycle that was requested ten minutes ago, whose workflow runs and has heard everything."""
    program = (await http.post("/v1/programs", json=dict(PROGRAM), headers=once(key))).json()
    made = (await http.post(f"/v1/programs/{program['id']}/cycles", headers=once(key))).json()
    async with db.transaction() as session:
        await session.execute(update(CycleRow).where(CycleRow.id == UUID(made["id"])).values(requested_at=LONG_AGO))
    temporal.running.add(f"cycle-{made['id']}")
    return UUID(made["id"])
