"""Readiness says what is missing: the database, its writes, Temporal, or its namespace."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from alembic.script import ScriptDirectory
from fastapi import FastAPI
from sqlalchemy import func, make_url, select, text
from temporalio.client import Client
from temporalio.service import RPCStatusCode

from services.programs import main
from shared import health
from shared.config import Settings
from shared.contracts.base import PersonPage, Service
from shared.database import Database
from shared.health import Missing, Probe, database_check, seldom, temporal_check
from shared.http.application import create_application
from shared.temporal import connect
from tests.services.conftest import client_of
from tests.services.faulty_temporal import answer, no_namespace
from upward import process
from upward.composition import RELAY
from upward.embedded import free_port
from upward.migration import alembic_config
from upward.release import schema
from upward.release.schema import Waiting, newest_migration

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
BEFORE = "0035"
Stamp = Callable[[str], Awaitable[None]]


@pytest.fixture
async def stamp(database: Database) -> AsyncIterator[Stamp]:
    """Says which migration the database has."""
    table = "public.alembic_version"

    async def write(migration: str) -> None:
        async with database.engine.begin() as connection:
            await connection.execute(text(f"create table if not exists {table} (version_num varchar(32))"))
            await connection.execute(text(f"truncate {table}"))
            await connection.execute(text(f"insert into {table} values (:migration)"), {"migration": migration})

    yield write
    async with database.engine.begin() as connection:
        await connection.execute(text(f"drop table if exists {table}"))


def taking_no_writes(url: str) -> Database:
    options = {"options": "-c default_transaction_read_only=on"}
    return Database(make_url(url).update_query_dict(options).render_as_string(hide_password=False))


async def test_what_is_written_to_see_whether_writes_work_leaves_nothing(database: Database) -> None:
    assert await database_check(database)() is None
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Probe)) == 0


async def test_a_database_that_takes_no_writes_is_missing_its_writes(postgres_url: str) -> None:
    database = taking_no_writes(postgres_url)
    try:
        assert await database_check(database)() == Missing("database_writes", "The database takes no writes (25006).")
    finally:
        await database.close()


async def test_a_process_whose_connections_are_all_in_use_is_busy_and_not_without_a_database(postgres_url: str) -> None:
    database = Database(postgres_url, pool_size=1)
    try:
        async with database.engine.connect(), database.engine.connect():
            assert await database_check(database)() is None
    finally:
        await database.close()


async def test_the_probe_of_an_api_names_what_is_missing(postgres_url: str, settings: Settings) -> None:
    for database, missing in ((taking_no_writes(postgres_url), "database_writes"), (Database(NOWHERE), "database")):
        app: FastAPI = create_application([main.router], database, settings)
        async with client_of(app) as client:
            found = await client.get("/readyz")
            assert (found.status_code, found.json()["code"], found.json()["missing"]) == (503, "not_ready", [missing])
            assert (await client.get("/livez")).status_code == 200
        await database.close()


def test_the_migration_that_a_release_needs_is_the_last_one_of_the_line() -> None:
    assert ScriptDirectory.from_config(alembic_config(NOWHERE)).get_heads() == [newest_migration()]


async def test_a_schema_that_is_behind_is_missing_and_one_that_is_ahead_is_not(
    database: Database, stamp: Stamp
) -> None:
    """The previous release runs beside the schema of the next one."""
    look = database_check(database, newest_migration())
    detail = f"and this release needs {newest_migration()}: run `upward migrate`."
    assert await look() == Missing("database_schema", f"The database is not migrated, {detail}")
    await stamp(BEFORE)
    assert await look() == Missing("database_schema", f"The database is at migration {BEFORE}, {detail}")
    for found in (newest_migration(), "9999"):
        await stamp(found)
        assert await look() is None


async def test_a_process_that_starts_before_the_migrations_waits_for_them(
    database: Database, settings: Settings, stamp: Stamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LOOK_SECONDS", 0.05)
    app = create_application([main.router], database, settings, migration=newest_migration())
    waiting = Waiting(app, database)
    await stamp(BEFORE)
    await waiting.look()
    begun = asyncio.create_task(waiting.until_migrated(asyncio.Event()))
    async with client_of(cast(FastAPI, waiting)) as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["missing"]) == (503, ["database_schema"])
        assert BEFORE in ready.json()["detail"]
        assert (await client.get("/livez")).status_code == 200
        refused = await client.get("/v1/programs")
        assert (refused.status_code, refused.json()["code"]) == (503, "not_available")
        assert "retry-after" in refused.headers
        assert not begun.done()
        await stamp(newest_migration())
        await begun
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/v1/programs")).status_code == 401


async def test_a_worker_that_starts_before_the_migrations_takes_no_tasks(
    settings: Settings, stamp: Stamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = asyncio.Event()
    stops: list[asyncio.Event] = []

    async def run(*_: object) -> None:
        began.set()

    monkeypatch.setattr(schema, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(process, "freeze_started_objects", lambda: None)
    monkeypatch.setattr(process, "stop_on_signals", stops.append)
    monkeypatch.setattr(process, "run_relay", run)
    told = asyncio.Event()
    monkeypatch.setattr(schema.log, "warning", lambda *_, **__: told.set())
    await stamp(BEFORE)
    working = asyncio.create_task(process.work(settings, [RELAY]))
    await told.wait()
    assert not began.is_set()
    await stamp(newest_migration())
    await began.wait()
    stops[0].set()
    await working


async def test_a_wrong_address_of_temporal_is_named() -> None:
    found = await temporal_check(await connect("127.0.0.1:1"))()
    assert found == Missing("temporal", "Temporal does not answer at 127.0.0.1:1 (TEMPORAL_ADDRESS).")


@pytest.mark.parametrize(
    ("failure", "missing"),
    [
        (no_namespace(), Missing("temporal_namespace", "Temporal at t:7233 has no namespace acme.")),
        (answer(RPCStatusCode.PERMISSION_DENIED), Missing("temporal", "Temporal at t:7233 answers PERMISSION_DENIED.")),
        (None, None),
    ],
)
async def test_a_namespace_that_does_not_exist_and_a_refusal_are_named(
    failure: Exception | None, missing: Missing | None
) -> None:
    async def describe_namespace(request: Any) -> None:
        assert request.namespace == "acme"
        if failure is not None:
            raise failure

    client = SimpleNamespace(
        namespace="acme",
        service_client=SimpleNamespace(config=SimpleNamespace(target_host="t:7233")),
        workflow_service=SimpleNamespace(describe_namespace=describe_namespace),
    )
    assert await temporal_check(cast(Client, client))() == missing


async def test_a_check_is_made_once_for_probes_that_come_close_together(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0

    async def check() -> Missing | None:
        nonlocal made
        made += 1
        return None

    now = 0.0
    monkeypatch.setattr(health, "monotonic", lambda: now)
    often = seldom(check)
    await often()
    await often()
    assert made == 1
    now = health.LOOK_SECONDS
    await often()
    assert made == 2


async def test_a_worker_serves_its_probes_and_says_where_it_looked_for_temporal(
    settings: Settings, stamp: Stamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stamp(newest_migration())
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(process, "freeze_started_objects", lambda: None)
    stops: list[asyncio.Event] = []
    monkeypatch.setattr(process, "stop_on_signals", stops.append)
    port = free_port()
    working = asyncio.create_task(process.work(settings.model_copy(update={"worker_port": port}), []))
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", transport=httpx.AsyncHTTPTransport(retries=5)
    ) as http:
        alive, ready = await http.get("/livez"), await http.get("/readyz", timeout=30)
        other, wrong = await http.get("/v1/programs"), await http.post("/livez")
    stops[0].set()
    await working
    assert (alive.status_code, ready.status_code, ready.json()["missing"]) == (200, 503, ["temporal"])
    assert "127.0.0.1:1" in ready.json()["detail"]
    assert (other.status_code, other.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert all(answer.headers["x-request-id"] for answer in (alive, ready, other, wrong))


async def test_a_worker_whose_settings_name_no_service_is_told_that_it_is_away(
    postgres_url: str, settings: Settings
) -> None:
    """The activity that asked is then tried again."""
    async with process.assemble(settings, ()) as (_, resources):
        with pytest.raises(httpx.HTTPError):
            await resources.internal.get(Service.MATCHING, "/page", PersonPage, uuid4())


@pytest.mark.parametrize(("query", "named"), [("", "upward worker relay"), ("mine", "mine")])
async def test_connections_carry_the_name_of_their_process_unless_the_url_has_one(
    postgres_url: str, query: str, named: str
) -> None:
    url = make_url(postgres_url).update_query_dict({"application_name": query} if query else {})
    database = Database(url.render_as_string(hide_password=False), name="upward worker relay")
    async with database.transaction() as session:
        assert await session.scalar(text("select current_setting('application_name')")) == named
    await database.close()
