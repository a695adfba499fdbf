"""Messages are leased while they are sent, over several connections: none is sent twice, and none is lost."""

import asyncio
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import QueuePool, func, select, update

from services.notifications import delivery, leasing
from services.notifications.activities import Activities
from services.notifications.channels.mail_server import MailServerAway
from services.notifications.leasing import Lease
from services.notifications.models import MessageRow
from services.notifications.rules.messages import ClaimedMessage
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
        patch.setattr(store, "LEASE", timedelta(hours=1))
        async with database.transaction() as session:
            [leased] = await store.claim(
                session, world.organization_id, announcement.id, uuid4(), datetime.now(UTC), limit=1
            )
    monkeypatch.setattr(leasing, "SETTLED_SECONDS", 0.1)
    living = asyncio.create_task(deliver(activities, announcement))
    while len(post.received) < 2:
        await asyncio.sleep(0.01)
    assert (await messages(database, world))[leased.person_id].state == "waiting"
    await end_leases(database, world)
    assert (await living).sent == 3  # it has waited for the message that was left
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


@SEVERAL
async def test_a_row_that_somebody_locks_for_longer_than_a_lease_lets_no_message_be_sent_twice(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent at the same time waits to be recorded together with the message whose row is locked."""
    shorten(monkeypatch)
    announcement = await announced(activities, database, world, 4)
    asked, go_on = list[str](), threading.Event()

    def wait(address: str) -> None:
        asked.append(address)
        go_on.wait()

    post.answers = wait
    slow = asyncio.create_task(deliver(activities, announcement))
    while not asked:
        await asyncio.sleep(0.01)
    async with database.transaction() as session:
        locked = await session.execute(
            select(MessageRow.id).where(MessageRow.person_id == world.known[asked[0]]).with_for_update()
        )
        assert len(locked.all()) == 1
        go_on.set()
        another = asyncio.create_task(deliver(activities, announcement))
        await leases_over(database, world, timedelta(seconds=1))
    answers = await asyncio.gather(slow, another)
    assert [answer.sent for answer in answers] == [4, 4]
    assert len(post.received) == 4


async def test_a_database_that_stood_still_for_longer_than_a_lease_lets_no_message_be_sent_twice(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it goes on, another delivery may be served first."""
    shorten(monkeypatch)
    announcement = await announced(activities, database, world, 1)
    goes_on, looked = asyncio.Event(), asyncio.Event()
    mark, renew, claim = Lease._mark, store.renew, Lease.claim

    async def mark_late(lease: Lease, sent: list[ClaimedMessage]) -> None:
        await goes_on.wait()
        await mark(lease, sent)

    async def renew_late(*given: Any) -> None:
        await goes_on.wait()
        await renew(*given)

    async def tell(lease: Lease, limit: int) -> list[ClaimedMessage]:
        found = await claim(lease, limit)
        looked.set()
        return found

    monkeypatch.setattr(Lease, "_mark", mark_late)
    monkeypatch.setattr(store, "renew", renew_late)
    slow = asyncio.create_task(deliver(activities, announcement))
    await leases_over(database, world, timedelta(0))
    monkeypatch.setattr(Lease, "claim", tell)
    another = asyncio.create_task(deliver(activities, announcement))
    await looked.wait()
    goes_on.set()
    answers = await asyncio.gather(slow, another)
    assert [answer.sent for answer in answers] == [1, 1]
    assert len(post.received) == 1


@SEVERAL
async def test_the_next_attempt_of_a_killed_delivery_takes_over_at_once_what_is_not_leased_any_more(
    activities: Activities, database: Database, world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporal begins it when the one before has been silent for as long as a lease lasts."""
    announcement = await announced(activities, database, world, 2)
    monkeypatch.setattr(leasing, "SETTLED_SECONDS", 1e9)
    asked, over = asyncio.Event(), asyncio.Event()

    async def die(*_: object) -> None:
        asked.set()
        await over.wait()

    async def keep(*_: object) -> None: ...

    with monkeypatch.context() as patch:
        patch.setattr(Lease, "record_sent", die)
        patch.setattr(store, "renew", keep)
        patch.setattr(store, "release", keep)
        killed = asyncio.create_task(deliver(activities, announcement, "1"))
        await asked.wait()
        await end_leases(database, world)
    assert (await deliver(activities, announcement, "1", attempt=2)).sent == 2
    over.set()
    await killed


async def end_leases(database: Database, world: World) -> None:
    """Ends every lease, as if nobody had renewed it."""
    async with database.transaction() as session:
        await session.execute(
            update(MessageRow)
            .where(MessageRow.organization_id == world.organization_id, MessageRow.leased_until.is_not(None))
            .values(leased_until=func.clock_timestamp())
        )


async def leases_over(database: Database, world: World, since: timedelta) -> None:
    """Waits until a lease has been over for so long."""
    over = select(MessageRow.id).where(
        MessageRow.organization_id == world.organization_id,
        MessageRow.leased_until < func.clock_timestamp() - since,
    )
    found = False
    while not found:
        await asyncio.sleep(0.05)
        async with database.transaction() as session:
            found = bool(await session.scalar(select(over.exists())))


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LEASE", timedelta(seconds=0.5))
    monkeypatch.setattr(leasing, "RENEW_SECONDS", 0.1)
    monkeypatch.setattr(leasing, "SETTLED_SECONDS", 0.3, raising=False)


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
