"""Real Postgres: one server a test process, one transaction a test, rolled back at its end."""

import asyncio
import inspect
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from starlette.applications import Starlette

from shared.auth import Role
from shared.config import Settings
from shared.database import SCHEMAS, Base, Database
from shared.http.application import create_application
from shared.keys import AccessKey, new_key
from tests.clusters import cluster
from tests.open_transactions import watched
from tests.services.tables import import_tables

GATHER = asyncio.gather
TOKEN = "a-service-token-of-the-tests-only-0123456789"


@pytest.fixture(autouse=True)
def nothing_asked_within_a_transaction() -> Iterator[None]:
    """No service asks another one while it holds a connection to the database."""
    with watched() as found:
        yield
    assert found == []


@pytest.fixture(autouse=True)
def surroundings_are_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page shows what a test has changed a moment before."""
    monkeypatch.setattr("services.console.surroundings.KEPT_SECONDS", 0.0)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="upward-pg-", ignore_cleanup_errors=True) as folder,
        cluster(Path(folder) / "data", migrated=False) as url,
    ):
        yield url


@pytest.fixture(scope="session")
def settings(postgres_url: str) -> Settings:
    return Settings(database_url=postgres_url, service_token=SecretStr(TOKEN))


@pytest.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    import_tables()
    database = Database(settings.database_url)
    async with database.engine.begin() as connection:
        for schema in SCHEMAS:
            await connection.execute(text(f"create schema if not exists {schema}"))
        await connection.run_sync(Base.metadata.create_all)
    yield database
    await database.close()


class RolledBack(Database):
    """A database whose transactions are savepoints of one outer transaction that the test rolls back."""

    def __init__(self, database: Database, connection: AsyncConnection) -> None:
        self.engine = database.engine
        self._connection = connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        session = AsyncSession(bind=self._connection, expire_on_commit=False, join_transaction_mode="create_savepoint")
        async with session, session.begin():
            yield session

    single_statements = transaction


@pytest.fixture
async def db(database: Database) -> AsyncIterator[Database]:
    """A `Database` for one test: everything in it is gone afterwards."""
    async with database.engine.connect() as connection:
        outer = await connection.begin()
        yield RolledBack(database, connection)
        await outer.rollback()


class CountedDatabase(Database):
    """A database that counts the transactions that are open."""

    def __init__(self, of: Database) -> None:
        self.engine = of.engine
        self._of = of
        self.open = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        async with self._of.transaction() as session:
            self.open += 1
            try:
                yield session
            finally:
                self.open -= 1

    single_statements = transaction


class OneAtATime(Database):
    """The test's database, which is one connection, for pages that read several things at the same time."""

    def __init__(self, of: Database) -> None:
        self.engine = of.engine
        self._of = of
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        async with self._turn, self._of.transaction() as session:
            yield session

    single_statements = transaction


async def one_by_one(*reads: Awaitable[Any], return_exceptions: bool = False) -> list[Any]:
    """Stands for `asyncio.gather` where reads within reads share one connection, which takes one at a time."""
    if return_exceptions:  # somebody else's, who waits for what runs already
        return list(await GATHER(*reads, return_exceptions=True))
    try:
        return [await read for read in reads]
    finally:
        for read in reads:  # those that came after one that failed
            if inspect.iscoroutine(read):
                read.close()


@pytest.fixture
async def session(db: Database) -> AsyncIterator[AsyncSession]:
    async with db.transaction() as session:
        yield session


@pytest.fixture
def organization_id() -> UUID:
    return uuid4()


@pytest.fixture(scope="session")
def applications(database: Database, settings: Settings) -> Callable[..., FastAPI]:
    """The application of these `main` modules. It is made once for all tests, as its first request takes much longer
    than all others."""

    @cache
    def made(*mains: ModuleType) -> FastAPI:
        return create_application([main.router for main in mains], database, settings)

    return made


@pytest.fixture
def application(db: Database, settings: Settings, applications: Callable[..., FastAPI]) -> Callable[..., FastAPI]:
    """Builds the application of the services given by their `main` modules, or by stand-ins for them. It uses the
    test's database."""

    def build(*mains: ModuleType) -> FastAPI:
        if any(sys.modules.get(main.__name__) is not main for main in mains):  # a stand-in answers as its test wants
            return create_application([main.router for main in mains], db, settings)
        app = applications(*mains)
        app.state.database, app.state.stopping, app.state.uploads = db, asyncio.Event(), Counter()
        return app

    return build


@pytest.fixture
def access_key(db: Database, organization_id: UUID) -> Callable[[Role], object]:
    """Stores a key of the test's organization and returns its Authorization header."""

    async def make(role: Role = Role.ADMIN, organization: UUID = organization_id) -> dict[str, str]:
        key = new_key()
        async with db.transaction() as session:
            session.add(
                AccessKey(id=key.id, organization_id=organization, role=role, label="test", key_hash=key.key_hash)
            )
        return {"authorization": f"Bearer {key.key}"}

    return make


@pytest.fixture
def internal_headers(organization_id: UUID) -> dict[str, str]:
    return {"authorization": f"Bearer {TOKEN}", "upward-organization": str(organization_id)}


def client_of(app: Starlette) -> httpx.AsyncClient:
    """An HTTP client that talks to the application in this process."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://upward.test")
