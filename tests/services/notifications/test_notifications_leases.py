"""Messages are leased while they are sent, over several connections: none is sent twice, and none is lost."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import QueuePool, select

from services.notifications import delivery, leasing
from services.notifications.activities import Activities
from services.notifications.channels.mail_server import MailServerAway
from services.notifications.models import MessageRow
from services.notifications.store import delivering as store
from shared.contracts.notifications import Announcement
from shared.database import Database
from tests.services.notifications.conftest import deliver, messages, prepare
from tests.services.notifications.world import Post, World

SEVERAL = pytest.mark.parametrize("smtp_connections", [4])


async def announced(activities: Activities, database: Database, world: World, people: int) -> Announcement:
    world.ask(*(f"p{number}@acme.example" for number in range(people)))
    await world.open_round(database)
    announcement = world.announcement()
    await prepare(activities, announcement)
    return announcement


@SEVERAL
async def test_messages_go_out_over_several_connections_each_once(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    announcement = await announced(activities, database, world, 30)
    assert (await deliver(activities, announcement)).sent == 30
    assert post.connections == 4
    assert post.recipients() == sorted(contact.email for contact in world.contacts.values())


@SEVERAL
async def test_a_mail_server_that_takes_fewer_connections_gets_every_message_over_those(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    announcement = await announced(activities, database, world, 20)
    post.most = 1
    assert (await deliver(activities, announcement)).sent == 20
    assert post.recipients() == sorted(contact.email for contact in world.contacts.values())


async def test_no_connection_to_the_database_is_held_while_a_message_is_on_its_way(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    announcement = await announced(activities, database, world, 5)
    held: list[object] = []

    def look(address: str) -> None:
        pool = database.engine.sync_engine.pool
        assert isinstance(pool, QueuePool)
        held.append(pool.checkedout())

    post.answers = look
    assert (await deliver(activities, announcement)).sent == 5
    assert held == [0] * 5


@SEVERAL
async def test_a_death_repeats_at_most_the_one_message_that_each_connection_was_sending(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    announcement = await announced(activities, database, world, 20)

    async def die(*_: object) -> None:
        raise ConnectionAbortedError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(store, "mark_sent", die)
        with pytest.raises(ConnectionAbortedError):
            await deliver(activities, announcement)
    assert 1 <= len(post.received) <= 4
    doubled = {email["Message-ID"] for email in post.received}
    assert (await deliver(activities, announcement)).sent == 20
    copies = Counter(email["Message-ID"] for email in post.received)
    assert {id for id, times in copies.items() if times > 1} == doubled
    assert max(copies.values()) == 2


async def test_what_a_dead_delivery_had_leased_waits_for_the_end_of_its_lease_and_the_rest_does_not(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    announcement = await announced(activities, database, world, 3)
    with monkeypatch.context() as patch:
        patch.setattr(store, "LEASE", timedelta(seconds=2))
        async with database.transaction() as session:
            [leased] = await store.claim(
                session, world.organization_id, announcement.id, uuid4(), datetime.now(UTC), limit=1
            )
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "WORK_SECONDS", 0.6)
        answer = await deliver(activities, announcement)
    assert (answer.sent, answer.waiting) == (2, 1)
    assert (await messages(database, world))[leased.person_id].state == "waiting"
    assert (await deliver(activities, announcement)).sent == 3  # it waits for the message that is left
    assert len(post.received) == 3


async def test_a_lease_lasts_as_long_as_its_delivery_lives(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    announcement = await announced(activities, database, world, 2)
    monkeypatch.setattr(store, "LEASE", timedelta(seconds=0.5))
    monkeypatch.setattr(leasing, "RENEW_SECONDS", 0.1)
    post.answers = lambda address: time.sleep(0.8)  # in the thread of the server
    slow = asyncio.create_task(deliver(activities, announcement))
    await asyncio.sleep(0.3)
    answers = await asyncio.gather(slow, deliver(activities, announcement))
    assert [answer.sent for answer in answers] == [2, 2]
    assert len(post.received) == 2


async def test_a_delivery_whose_lease_has_ended_sends_nothing_more(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another delivery may have taken over what this one had."""
    announcement = await announced(activities, database, world, 2)
    monkeypatch.setattr(store, "LEASE", timedelta(0))
    monkeypatch.setattr(delivery, "WORK_SECONDS", 0.2)
    answer = await deliver(activities, announcement)
    assert (answer.sent, answer.waiting, post.received) == (0, 2, [])


async def test_what_a_delivery_leaves_is_free_at_once(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    announcement = await announced(activities, database, world, 3)
    post.stop()
    with pytest.raises(MailServerAway):
        await deliver(activities, announcement)
    async with database.transaction() as session:
        leases = await session.scalars(
            select(MessageRow.lease).where(MessageRow.organization_id == world.organization_id)
        )
        assert leases.all() == [None] * 3
    post.start()
    assert (await deliver(activities, announcement)).sent == 3
