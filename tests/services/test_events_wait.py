"""GET /v1/events?wait=. Tests here use real connections and commit for real, as a request waits for others' commits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete

from services.events import main
from services.events.api import feed
from services.events.log.feed import read_or_wait
from services.events.log.models import Event, OrganizationDay, OrganizationHead
from services.events.log.positions import sequence_batch
from shared.auth import Role
from shared.config import Settings
from shared.contracts.events import CycleCancelled, CyclePaused, EventData
from shared.database import Database
from shared.events import emit
from shared.http.application import create_application
from shared.keys import AccessKey, new_key
from tests.services.conftest import client_of
from upward.serving.server import listen, serve_http

SOONER_SECONDS = 25
"""It is less than the 30 s that the requests here may wait, so that a request must end for another reason."""


@pytest.fixture
async def headers(database: Database, organization_id: UUID) -> AsyncIterator[dict[str, str]]:
    """A key of an organization. Its events are committed for real, and removed after the test."""
    key = new_key()
    async with database.transaction() as session:
        session.add(
            AccessKey(id=key.id, organization_id=organization_id, role=Role.VIEWER, label="", key_hash=key.key_hash)
        )
    yield {"authorization": f"Bearer {key.key}"}
    async with database.transaction() as session:
        for table in (AccessKey, Event, OrganizationDay, OrganizationHead):
            await session.execute(delete(table).where(table.organization_id == organization_id))


@pytest.fixture
async def small(settings: Settings) -> AsyncIterator[Database]:
    """A database with two connections at most."""
    database = Database(settings.database_url, pool_size=1)
    yield database
    await database.close()


@pytest.fixture
def app(small: Database, settings: Settings) -> FastAPI:
    return create_application([main.router], small, settings)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[tuple[str, asyncio.Event, "asyncio.Task[None]"]]:
    """The application on a port: its URL, the event that stops it and the task that serves it."""
    app.state.stopping = stop = asyncio.Event()
    with listen("127.0.0.1", 0) as address:
        address.listen()  # who calls before the server is up waits for it
        serving = asyncio.create_task(serve_http(app, address, stop))
        yield f"http://127.0.0.1:{address.getsockname()[1]}", stop, serving
        stop.set()
        await serving


async def record(database: Database, organization_id: UUID, *events: EventData) -> None:
    async with database.transaction() as session:
        await emit(session, organization_id, *events)
    async with database.transaction() as session:
        assert await sequence_batch(session) == len(events)


async def get(app: FastAPI, headers: dict[str, str], **query: str) -> dict[str, Any]:
    async with client_of(app) as client:
        answer = await client.get("/v1/events", params=query, headers=headers)
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    document.pop("epoch")
    return document


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> dict[str, asyncio.Event]:
    """Whether a request began to read, and whether it ended."""
    told = {"begun": asyncio.Event(), "ended": asyncio.Event()}
    read: Callable[..., Awaitable[Any]] = read_or_wait

    async def observed(*arguments: Any) -> Any:
        told["begun"].set()
        try:
            return await read(*arguments)
        finally:
            told["ended"].set()

    monkeypatch.setattr(feed, "read_or_wait", observed)
    return told


async def test_many_may_wait_and_hold_no_connection_and_the_next_event_answers_all(
    app: FastAPI, database: Database, organization_id: UUID, headers: dict[str, str]
) -> None:
    async with asyncio.timeout(SOONER_SECONDS):
        waiting = [asyncio.create_task(get(app, headers, wait="30")) for _ in range(8)]
        for _ in range(5):
            assert (await get(app, headers))["events"] == [], "two connections are enough for all of them"
            await asyncio.sleep(0.1)
        assert not any(task.done() for task in waiting)
        await record(database, organization_id, CyclePaused(cycle_id=uuid4()))
        for page in await asyncio.gather(*waiting):
            assert ([event["sequence"] for event in page["events"]], page["after"]) == (["1".zfill(19)], 1)


async def test_events_that_are_there_are_not_waited_for(
    app: FastAPI, database: Database, organization_id: UUID, headers: dict[str, str]
) -> None:
    await record(database, organization_id, CyclePaused(cycle_id=uuid4()))
    async with asyncio.timeout(SOONER_SECONDS):
        assert (await get(app, headers, wait="30"))["after"] == 1


async def test_when_the_time_is_over_the_answer_is_empty(app: FastAPI, headers: dict[str, str]) -> None:
    assert await get(app, headers, wait="0.3", after="0") == {"events": [], "after": 0, "more": False}


async def test_events_of_other_types_do_not_answer_but_are_passed_over(
    app: FastAPI, database: Database, organization_id: UUID, headers: dict[str, str]
) -> None:
    await record(database, organization_id, CycleCancelled(cycle_id=uuid4()))
    page = await get(app, headers, wait="0.3", types="cycle.paused")
    assert page == {"events": [], "after": 1, "more": False}
    async with asyncio.timeout(SOONER_SECONDS):
        waiting = asyncio.create_task(get(app, headers, wait="30", types="cycle.paused", after="1"))
        for kind in (CycleCancelled, CyclePaused, CycleCancelled):
            await asyncio.sleep(0.3)
            assert not waiting.done() or kind is CycleCancelled
            await record(database, organization_id, kind(cycle_id=uuid4()))
        page = await waiting
    assert [int(event["sequence"]) for event in page["events"]] == [3]
    assert page["after"] >= 3
    left = await get(app, headers, types="cycle.paused", after=str(page["after"]))
    assert left == {"events": [], "after": 4, "more": False}


async def test_a_wait_ends_when_the_client_goes_away(
    app: FastAPI, headers: dict[str, str], waits: dict[str, asyncio.Event]
) -> None:
    async with served(app) as (url, _, _), asyncio.timeout(SOONER_SECONDS):
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
            leaving = asyncio.create_task(client.get("/v1/events?wait=30", timeout=60))
            await waits["begun"].wait()
            await asyncio.sleep(0.5)
            assert not waits["ended"].is_set()
            leaving.cancel()
        await waits["ended"].wait()


async def test_a_wait_ends_when_the_server_does(
    app: FastAPI, headers: dict[str, str], waits: dict[str, asyncio.Event]
) -> None:
    async with served(app) as (url, stop, serving), asyncio.timeout(SOONER_SECONDS):
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
            waiting = asyncio.create_task(client.get("/v1/events?wait=30", timeout=60))
            await waits["begun"].wait()
            stop.set()
            answer = await waiting
        await serving
    page = answer.json()
    assert (answer.status_code, page["events"], page["after"], page["more"]) == (200, [], 0, False)
