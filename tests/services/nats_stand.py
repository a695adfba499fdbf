"""What the tests of the publisher share: events in the log, publishers at work, and what the stream holds."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import nats
import pytest
from nats.js.client import JetStreamContext
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.broker.jetstream import Target
from services.events.broker.publisher import CONSUMER, Publisher
from services.events.log.models import Consumer, Event, OrganizationHead
from services.events.log.positions import sequence_batch
from shared.contracts.events import CycleCancelled, CyclePaused, EventData
from shared.database import Database
from shared.events import StagedEvent, emit
from shared.logging import configure_logging
from tests.nats_server import NatsServer, nats_server
from tests.patience import PATIENCE_SECONDS

STREAM = "UPWARD"


class Held(NamedTuple):
    """A message of the stream."""

    number: int
    subject: str
    headers: dict[str, str]
    data: bytes

    @property
    def id(self) -> str:
        return str(json.loads(self.data)["id"])


def some_events(count: int) -> list[EventData]:
    kinds = (CyclePaused, CycleCancelled)
    return [kinds[number % 2](cycle_id=uuid4()) for number in range(count)]


Logs = io.StringIO


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with nats_server(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def logs() -> Iterator[Logs]:
    """The project's own log pipeline, into memory."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    configure_logging("DEBUG", stream=stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)


async def until_logged(logs: Logs, text: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while text not in logs.getvalue():
            await asyncio.sleep(0.05)


async def record(database: Database, organization_id: UUID, count: int, *, waiting: int | None = None) -> None:
    """Emits some events and sequences these, or all that are `waiting` with them."""
    async with database.transaction() as session:
        await emit(session, organization_id, *some_events(count))
    async with database.transaction() as session:
        assert await sequence_batch(session) == (waiting or count)


async def ids_in_log(database: Database) -> list[str]:
    async with database.transaction() as session:
        return [str(id) for id in await session.scalars(select(Event.event_id).order_by(Event.position))]


async def read_cursor(database: Database, consumer: str = CONSUMER) -> int | None:
    async with database.transaction() as session:
        return await session.scalar(select(Consumer.position).where(Consumer.name == consumer))


async def forget_cursor(session: AsyncSession) -> None:
    """The publisher begins with the oldest event again."""
    await session.execute(delete(Consumer).where(Consumer.name == CONSUMER))


async def empty_log(database: Database) -> None:
    async with database.transaction() as session:
        for table in (StagedEvent, Event, OrganizationHead, Consumer):
            await session.execute(delete(table))


@asynccontextmanager
async def jetstream(server: NatsServer, **options: Any) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(server.url, **options)
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def held(server: NatsServer, stream: str = STREAM, **options: Any) -> list[Held]:
    """Every message of the stream, in its order; none if there is no stream."""
    async with jetstream(server, **options) as context:
        try:
            state = (await context.stream_info(stream)).state
        except nats.js.errors.NotFoundError:
            return []
        found = []
        for number in range(max(state.first_seq, 1), state.last_seq + 1):
            with suppress(nats.js.errors.NotFoundError):  # deleted
                found.append(await context.get_msg(stream, number))
    return [Held(one.seq or 0, one.subject or "", one.headers or {}, one.data or b"") for one in found]


async def until_held(server: NatsServer, count: int, **options: Any) -> list[Held]:
    await until_reached(server, count, **options)
    return await held(server, **options)


async def until_reached(server: NatsServer, count: int, **options: Any) -> None:
    """Waits until the stream has so many messages, without reading them."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await reached(server, **options) < count:
            await asyncio.sleep(0.05)


async def reached(server: NatsServer, **options: Any) -> int:
    """How many messages the stream has."""
    async with jetstream(server, **options) as context:
        try:
            return (await context.stream_info(STREAM)).state.messages
        except nats.js.errors.NotFoundError:
            return 0


@asynccontextmanager
async def publishing(
    database: Database, server: NatsServer | None, *, limit: int = 500, url: str = ""
) -> AsyncIterator["asyncio.Task[None]"]:
    """A publisher at work, on the server or another URL; it ends with the block."""
    stop = asyncio.Event()
    target = Target((url or (server.url if server else ""),), STREAM)
    publisher = Publisher(database, target, limit=limit)
    task = asyncio.create_task(publisher.run(stop))
    try:
        yield task
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.wait([task])
