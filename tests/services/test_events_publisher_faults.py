"""When a process dies or a server is away, the stream misses nothing, repeats nothing, keeps its order, and nobody else
waits."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from services.events.log.dispatcher import CONSUMER as DISPATCHER
from services.events.log.dispatcher import Dispatcher
from services.events.log.positions import sequence_batch
from services.events.log.store import reading
from services.events.relay import Relay
from services.events.webhooks.fan_out import FanOut
from shared.config import Settings
from shared.database import Database
from shared.events import emit
from shared.temporal import connect
from tests.e2e.processes import Running
from tests.nats_server import NatsServer, nats_server
from tests.patience import PATIENCE_SECONDS
from tests.services import nats_stand
from tests.services.nats_stand import (
    STREAM,
    Logs,
    held,
    ids_in_log,
    jetstream,
    publishing,
    reached,
    read_cursor,
    record,
    some_events,
    until_held,
    until_logged,
    until_reached,
)
from upward.embedded import free_port

__all__ = ["logs", "server"]
logs, server = nats_stand.logs, nats_stand.server

SECRETS = ("canary-user", "canary-password")
ACCOUNTS = """
accounts { COMPANY { jetstream: enabled, users: [
  {user: "canary-user", password: "canary-password", permissions: {
    publish: ["upward.>", "$JS.API.STREAM.INFO.UPWARD", "$JS.API.STREAM.MSG.GET.UPWARD", "$JS.API.STREAM.CREATE.UPWARD"]
    subscribe: ["_INBOX.>"]}},
  {user: "reader", password: "canary-password", permissions: {
    publish: ["$JS.API.STREAM.INFO.UPWARD", "$JS.API.STREAM.MSG.GET.UPWARD"], subscribe: ["_INBOX.>"]}},
]}}
"""


class Died(Exception):
    """It stands for the end of the process."""


@pytest.fixture(autouse=True)
async def clean_log(database: Database) -> AsyncIterator[None]:
    yield
    await nats_stand.empty_log(database)


async def write_for_a_while(database: Database, organizations: list[UUID], rounds: int) -> None:
    for number in range(rounds):
        async with database.transaction() as session:
            await emit(session, organizations[number % len(organizations)], *some_events(5))
        async with database.transaction() as session:
            await sequence_batch(session)
        await asyncio.sleep(0.01)


async def test_a_broker_that_is_killed_again_and_again_has_everything_once_and_in_order(
    database: Database, server: NatsServer
) -> None:
    organizations = [uuid4(), uuid4()]
    async with publishing(database, server, limit=20):
        writing = asyncio.create_task(write_for_a_while(database, organizations, 150))
        kills = 0
        while not writing.done():
            await asyncio.sleep(random.uniform(0.1, 0.6))
            server.stop(kill=True)
            kills += 1
            server.start()
        found = await until_held(server, 750)
    assert kills >= 3
    assert [one.id for one in found] == await ids_in_log(database)


@pytest.mark.parametrize("kills", [2, pytest.param(6, marks=pytest.mark.long)])
async def test_a_publisher_that_is_killed_again_and_again_doubles_and_loses_nothing(
    database: Database, server: NatsServer, settings: Settings, tmp_path: Path, kills: int
) -> None:
    rounds = 100 * kills
    async with jetstream(server) as context:  # killed for longer than the window of duplicates
        await context.add_stream(name=STREAM, subjects=["upward.>"], duplicate_window=0.1)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write_for_a_while(database, [uuid4(), uuid4()], rounds))
        for _ in range(kills):
            before = await reached(server)
            publisher = Running(
                tmp_path / "log", "events", "publish", "--nats", server.url, UPWARD_DATABASE_URL=settings.database_url
            )
            await until_reached(server, min(before + 20, 5 * rounds))
            await asyncio.sleep(random.uniform(0, 0.2))
            publisher.kill()
    async with publishing(database, server):
        found = await until_held(server, 5 * rounds)
    assert [one.id for one in found] == await ids_in_log(database)


async def test_a_death_between_the_publishing_and_the_cursor_doubles_nothing(
    database: Database, server: NatsServer, organization_id: UUID, monkeypatch: pytest.MonkeyPatch, logs: Logs
) -> None:
    async def die(*_: object) -> None:
        raise Died

    async with jetstream(server) as context:
        await context.add_stream(name=STREAM, subjects=["upward.>"], duplicate_window=0.1)
    await record(database, organization_id, 10)
    with monkeypatch.context() as patched:
        patched.setattr(reading, "move_cursor_on", die)
        async with publishing(database, server, limit=4):
            await until_logged(logs, "Died")
    assert len(await held(server)) == 4
    assert await read_cursor(database) is None
    await asyncio.sleep(0.5)  # the window of duplicates
    async with publishing(database, server, limit=4):
        found = await until_held(server, 10)
    assert [one.id for one in found] == await ids_in_log(database)


async def test_while_the_broker_is_absent_sequencer_and_dispatcher_go_on_and_the_publisher_catches_up(
    database: Database, organization_id: UUID, tmp_path: Path, logs: Logs
) -> None:
    server = NatsServer(tmp_path / "nats")
    stop = asyncio.Event()
    nobody = await connect("127.0.0.1:1")
    relay = Relay(database, Dispatcher(nobody, lambda *_: None), FanOut(database, nobody), 90)
    relaying = asyncio.create_task(relay.run(stop))
    try:
        async with publishing(database, server):
            await until_logged(logs, "broker_away")
            async with database.transaction() as session:
                await emit(session, organization_id, *some_events(40))
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(await ids_in_log(database)) < 40 or not await read_cursor(database, DISPATCHER):
                    await asyncio.sleep(0.05)
            assert await read_cursor(database) is None
            server.start()
            found = await until_held(server, 40)
    finally:
        server.stop()
        stop.set()
        await relaying
    assert [one.id for one in found] == await ids_in_log(database)


async def test_of_two_publishers_one_works_and_the_other_takes_over(
    database: Database, server: NatsServer, organization_id: UUID
) -> None:
    async with publishing(database, server) as first, publishing(database, server) as second:
        await record(database, organization_id, 20)
        await until_held(server, 20)
        async with reading.only_reader(database, reading.PUBLISHER_LOCK) as session:
            assert session is None
        first.cancel()
        await record(database, organization_id, 20)
        found = await until_held(server, 40)
        assert not second.done()
    assert [one.id for one in found] == await ids_in_log(database)


async def test_a_publisher_that_cannot_reach_the_broker_gives_way_to_one_that_can(
    database: Database, server: NatsServer, organization_id: UUID, logs: Logs
) -> None:
    await record(database, organization_id, 5)
    async with publishing(database, server, url=f"nats://127.0.0.1:{free_port()}"):
        await until_logged(logs, "broker_away")
        async with publishing(database, server):
            assert len(await until_held(server, 5)) == 5


async def test_two_that_send_at_once_cannot_disturb_the_order(
    database: Database, server: NatsServer, organization_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two publishers work at once, as when one has lost its lock without noticing. Here neither takes the lock, and the
    stream forgets within a moment what it has been given."""
    async with jetstream(server) as context:
        await context.add_stream(name=STREAM, subjects=["upward.>"], duplicate_window=0.1)
    locks = iter(range(1000, 2000))
    only_reader = reading.only_reader
    monkeypatch.setattr(reading, "only_reader", lambda database, _: only_reader(database, next(locks)))
    await record(database, organization_id, 300)
    async with publishing(database, server, limit=7), publishing(database, server, limit=11):
        found = await until_held(server, 300)
    assert [one.id for one in found] == await ids_in_log(database)


async def test_the_documented_permissions_are_enough_and_less_is_told_by_a_code(
    database: Database, organization_id: UUID, tmp_path: Path, logs: Logs
) -> None:
    await record(database, organization_id, 5)
    with nats_server(tmp_path / "nats", ACCOUNTS) as server:
        host = f"127.0.0.1:{server.port}"
        own = {"user": SECRETS[0], "password": SECRETS[1]}
        async with publishing(database, server, url=f"nats://canary-user:wrong-canary-password@{host}"):
            await until_logged(logs, "not_authorized")
        async with publishing(database, server, url=f"nats://reader:canary-password@{host}"):
            await until_logged(logs, "permission_denied")
        async with publishing(database, server, url=f"nats://canary-user:canary-password@{host}"):
            assert len(await until_held(server, 5, **own)) == 5
        async with publishing(database, server, url=f"nats://reader:canary-password@{host}"):
            logs.truncate(0)
            await record(database, organization_id, 5)
            await until_logged(logs, "permission_denied")
    assert not [secret for secret in (*SECRETS, host, "reader") if secret in logs.getvalue()]


async def test_a_password_is_not_sent_to_a_server_that_begins_no_encryption(database: Database, logs: Logs) -> None:
    heard = bytearray()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.12.0","max_payload":1048576,"auth_required":true}\r\n')
        heard.extend(await reader.read())
        writer.close()

    pretender = await asyncio.start_server(answer, "127.0.0.1", 0, family=socket.AF_INET)
    port = pretender.sockets[0].getsockname()[1]
    async with pretender:
        url = f"tls://canary-user:canary-password@127.0.0.1:{port}"
        async with publishing(database, None, url=url):
            await until_logged(logs, "no_tls")
    assert heard == b""
