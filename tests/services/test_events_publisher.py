"""The stream gets every event once and in order, with a real NATS server and real transactions."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as OfficialEvent
from nats.js.api import DiscardPolicy
from sqlalchemy import delete

from services.events.broker import store
from services.events.broker.publisher import CONSUMER
from services.events.log.models import Event
from services.events.log.positions import sequence_batch
from services.events.log.rules.cloudevents import CloudEvent
from services.events.log.rules.digest import genesis
from services.events.log.store import reading
from shared.database import Database
from shared.events import StagedEvent, emit
from tests.digests import link_event
from tests.nats_server import NatsServer
from tests.services import nats_stand
from tests.services.nats_stand import (
    STREAM,
    held,
    ids_in_log,
    jetstream,
    publishing,
    read_cursor,
    record,
    some_events,
    until_held,
    until_logged,
)

__all__ = ["logs", "server"]
logs, server = nats_stand.logs, nats_stand.server


@pytest.fixture(autouse=True)
async def clean_log(database: Database) -> AsyncIterator[None]:
    """Tests here commit for real. The log is empty again after each test."""
    yield
    await nats_stand.empty_log(database)


async def test_every_event_is_in_the_stream_once_in_order_with_its_subject_and_headers(
    database: Database, server: NatsServer
) -> None:
    organizations = (uuid4(), uuid4())
    for number in range(30):
        async with database.transaction() as session:
            await emit(session, organizations[number % 2], *some_events(1 + number % 3))
    async with database.transaction() as session:
        count = await sequence_batch(session)
    async with publishing(database, server, limit=7):
        found = await until_held(server, count)
    expected = []
    async with database.transaction() as session:
        for one in await reading.read_unread(session, "nobody", 1000):
            event = one.event
            name = f"upward.{event.organization_id}.{event.type}.v{event.version}"
            expected.append((name, str(event.id), "application/cloudevents+json"))
    told = [(one.subject, one.headers["Nats-Msg-Id"], one.headers["Content-Type"]) for one in found]
    assert told == expected
    for id in organizations:
        own = [one for one in found if f".{id}." in one.subject]
        parsed = [JSONFormat().read(OfficialEvent, one.data) for one in own]
        assert [int(event.get_extension("sequence")) for event in parsed] == list(range(1, len(own) + 1))
        assert {event.get_source() for event in parsed} == {f"urn:upward:organization:{id}"}


async def test_the_stream_proves_its_completeness_by_the_digest_of_the_feed(
    database: Database, server: NatsServer, organization_id: UUID
) -> None:
    await record(database, organization_id, 20)
    async with publishing(database, server):
        found = await until_held(server, 20)
    digest = genesis(organization_id)
    for one in found:
        digest = link_event(digest, CloudEvent.model_validate_json(one.data))
    async with database.transaction() as session:
        head = await reading.read_head(session, organization_id)
    assert head is not None
    assert (head.sequence, head.digest) == (20, digest)


async def test_a_stream_that_exists_is_used_as_it_is(
    database: Database, server: NatsServer, organization_id: UUID
) -> None:
    async with jetstream(server) as context:
        made = await context.add_stream(
            name=STREAM, subjects=["upward.*.cycle.>", "other.>"], max_msgs=1000, description="ours"
        )
        await context.publish("other.thing", b"of somebody else")
        await record(database, organization_id, 3)
        async with publishing(database, server):
            found = await until_held(server, 4)
        assert (await context.stream_info(STREAM)).config == made.config
    assert [one.id for one in found[1:]] == await ids_in_log(database)


async def test_nothing_behind_an_event_that_the_stream_refuses_is_taken_before_it(
    database: Database, server: NatsServer, organization_id: UUID, logs: "nats_stand.Logs"
) -> None:
    async with jetstream(server) as context:
        made = await context.add_stream(name=STREAM, subjects=["upward.>"], max_msg_size=2000)
        await record(database, organization_id, 2)
        async with database.transaction() as session:
            large = {"filler": "x" * 4000}
            session.add(
                StagedEvent(
                    event_id=uuid4(), organization_id=organization_id, type="a.b", version=1, subject="a/1", data=large
                )
            )
        await record(database, organization_id, 3, waiting=4)
        async with publishing(database, server):
            await until_logged(logs, "jetstream_10054")
            assert [one.id for one in await held(server)] == (await ids_in_log(database))[:2]
            await context.update_stream(made.config.evolve(max_msg_size=-1))
            found = await until_held(server, 6)
    assert [one.id for one in found] == await ids_in_log(database)


async def test_a_full_stream_is_waited_for(
    database: Database, server: NatsServer, organization_id: UUID, logs: "nats_stand.Logs"
) -> None:
    async with jetstream(server) as context:
        made = await context.add_stream(name=STREAM, subjects=["upward.>"], max_msgs=3, discard=DiscardPolicy.NEW)
        await record(database, organization_id, 8)
        async with publishing(database, server):
            await until_logged(logs, "stream_full")
            assert len(await held(server)) == 3
            await context.update_stream(made.config.evolve(max_msgs=-1))
            found = await until_held(server, 8)
    assert [one.id for one in found] == await ids_in_log(database)


async def test_one_who_comes_back_after_the_window_of_duplicates_doubles_nothing(
    database: Database, server: NatsServer, organization_id: UUID
) -> None:
    async with jetstream(server) as context:
        await context.add_stream(name=STREAM, subjects=["upward.>"], duplicate_window=0.1)
    await record(database, organization_id, 10)
    async with publishing(database, server):
        await until_held(server, 10)
    async with database.transaction() as session:
        await store.forget_cursor(session, CONSUMER)
    await asyncio.sleep(0.5)  # the window of duplicates
    await record(database, organization_id, 2)
    async with publishing(database, server, limit=3):
        found = await until_held(server, 12)
    assert [one.id for one in found] == await ids_in_log(database)


async def test_where_the_end_of_the_stream_is_gone_repeats_are_dropped_by_their_id(
    database: Database, server: NatsServer, organization_id: UUID
) -> None:
    await record(database, organization_id, 4)
    async with publishing(database, server):
        await until_held(server, 4)
    async with jetstream(server) as context:
        await context.purge_stream(STREAM)
    async with database.transaction() as session:
        await store.forget_cursor(session, CONSUMER)
    await record(database, organization_id, 2)
    async with publishing(database, server):
        found = await until_held(server, 2)
    assert [one.id for one in found] == (await ids_in_log(database))[4:]


async def test_what_was_consumed_and_is_gone_is_not_published_again(
    database: Database, server: NatsServer, organization_id: UUID
) -> None:
    """In a stream whose messages are removed once they are consumed, the last of our events is before the cursor."""
    async with jetstream(server) as context:
        await context.add_stream(name=STREAM, subjects=["upward.>"], duplicate_window=0.1)
        await record(database, organization_id, 4)
        async with publishing(database, server):
            await until_held(server, 4)
        for number in (2, 3, 4):
            await context.delete_msg(STREAM, number)
        await asyncio.sleep(0.5)  # the window of duplicates
        await record(database, organization_id, 1)
        async with publishing(database, server):
            found = await until_held(server, 2)
    log = await ids_in_log(database)
    assert [(one.number, one.id) for one in found] == [(1, log[0]), (5, log[4])]


async def test_a_broker_that_lost_what_it_took_last_gets_it_again(
    database: Database, server: NatsServer, organization_id: UUID, tmp_path: Path
) -> None:
    """The broker's machine died before the messages were on the disk, so the stream ends before the cursor."""
    await record(database, organization_id, 3)
    async with publishing(database, server):
        await until_held(server, 3)
    server.stop()
    server.keep_store(tmp_path / "kept")
    server.start()
    await record(database, organization_id, 3)
    async with publishing(database, server):
        await until_held(server, 6)
    server.stop()
    server.bring_store_back(tmp_path / "kept")
    server.start()
    assert len(await held(server)) == 3
    async with publishing(database, server):
        found = await until_held(server, 6)
    assert [one.id for one in found] == await ids_in_log(database)


async def test_a_new_broker_gets_everything_that_the_log_still_has(
    database: Database, server: NatsServer, organization_id: UUID
) -> None:
    await record(database, organization_id, 6)
    async with publishing(database, server):
        await until_held(server, 6)
    async with jetstream(server) as context:
        await context.delete_stream(STREAM)
    async with database.transaction() as session:
        await session.execute(delete(Event).where(Event.sequence <= 2))  # as retention does
    async with publishing(database, server):
        found = await until_held(server, 4)
    assert [one.id for one in found] == await ids_in_log(database)
    assert await read_cursor(database) is not None


async def test_a_cursor_is_moved_on_only_from_where_it_was(database: Database) -> None:
    async def move(before: int, position: int) -> bool:
        async with database.transaction() as session:
            return await reading.move_cursor_on(session, CONSUMER, before, position)

    moves = [await move(before, before + 2) for before in (3, 0, 0, 5, 2)]
    assert moves == [False, True, False, False, True]
    assert await read_cursor(database) == 4
