"""All services in one application, and an organization of which the pages are opened once for all tests of a file."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from services.programs.models import ProgramRow
from shared.auth import Role
from shared.config import Settings
from shared.contracts.base import Service
from shared.database import Database
from shared.http.application import create_application
from shared.http.public import PublicApi
from shared.keys import AccessKey, new_key
from tests.services.conftest import RolledBack, client_of, one_by_one
from tests.services.every_page.console import Console, fits
from tests.services.wrong_input.public_routes import ROWS, Row, add_session, add_world
from upward.composition import routers, webhooks


@pytest.fixture(scope="module")
def composed(database: Database, settings: Settings) -> FastAPI:
    return create_application(routers(list(Service)), database, settings, webhooks=webhooks(Service))


@pytest.fixture(scope="module")
async def console(composed: FastAPI, database: Database) -> AsyncIterator[Console]:
    organization_id, keys = UUID(int=35), {role: new_key() for role in Role}
    async with database.engine.connect() as connection:
        outer = await connection.begin()
        db = RolledBack(database, connection)
        ids = await add_world(db, organization_id)
        async with db.transaction() as session:
            (await session.get_one(ProgramRow, ids["program_id"])).coordinator_ids = [ids["mentee_id"]]
            for role, key in keys.items():
                session.add(
                    AccessKey(id=key.id, organization_id=organization_id, role=role, label=role, key_hash=key.key_hash)
                )
        for key in keys.values():  # that of the owner is the last one
            ids["session_id"] = await add_session(db, organization_id, key.id)
        composed.state.database = db
        async with client_of(composed) as http:
            yield Console(http, db, connection, ids, {role: key.key for role, key in keys.items()})
        composed.state.database = database
        await outer.rollback()


@pytest.fixture(autouse=True)
async def as_it_was(console: Console, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Nothing that a test stores is there for the next one. All reads share one connection, one after the other."""
    monkeypatch.setattr("asyncio.gather", one_by_one)
    async with console.kept():
        yield


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """The routes of the API that the console has asked to change something."""
    found, call = list[Row](), PublicApi._call
    by_method = {row.method: [one for one in ROWS if one.method == row.method] for row in ROWS}

    async def noted(api: PublicApi, method: str, service: Service, path: str, **request: Any) -> httpx.Response:
        if method != "GET":
            exact = [row for row in by_method[method] if fits(row.path, f"/v1{path}")]
            row = min(exact, key=lambda one: one.path.count("{"))
            if row.stores and not row.path.endswith("/preview"):
                found.append(row)
        return await call(api, method, service, path, **request)

    monkeypatch.setattr(PublicApi, "_call", noted)
    return found
