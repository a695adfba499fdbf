"""Participants' pages over services in memory: one application, whose services begin anew in each test."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from services.console import main
from shared.config import Settings
from shared.database import Database
from shared.http.application import create_application
from tests.console_fakes import FakeServices
from tests.services.conftest import client_of


@pytest.fixture(scope="session")
def services() -> FakeServices:
    return FakeServices()


@pytest.fixture(scope="session")
def whole(database: Database, settings: Settings, services: FakeServices) -> FastAPI:
    return create_application([main.router, services.router()], database, settings)


@pytest.fixture
def fakes(services: FakeServices) -> FakeServices:
    services.begin_anew()
    return services


@pytest.fixture
def app(whole: FastAPI, db: Database) -> FastAPI:
    whole.state.database = db
    return whole


@pytest.fixture
async def client(app: FastAPI, fakes: FakeServices) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client
