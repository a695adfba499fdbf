"""Drains are woken through a real Postgres: only those of the endpoint, or all of them after a lost connection."""

import asyncio
from uuid import uuid4

from sqlalchemy import text

from services.events.webhooks.store.wake_ups import CHANNEL, notify_drains
from services.events.webhooks.wake_ups import WakeUps
from shared.database import Database
from tests.patience import PATIENCE_SECONDS

END_LISTENERS = text("select pg_terminate_backend(pid) from pg_stat_activity where query like :listen")


async def woken(awake: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await awake.wait()
    awake.clear()


async def test_a_wake_up_reaches_the_drains_of_its_endpoint_alone(database: Database) -> None:
    mine, other = uuid4(), uuid4()
    wake_ups = WakeUps(database)
    with wake_ups.of(mine) as first, wake_ups.of(mine) as second, wake_ups.of(other) as third:
        for awake in (first, second, third):
            await woken(awake)  # once it listens
        async with database.transaction() as session:
            await notify_drains(session, [mine])
        await woken(first)
        await woken(second)
        assert not third.is_set()
        async with database.transaction() as session:
            await notify_drains(session, [mine, other])
        await woken(third)


async def test_a_lost_connection_wakes_every_drain_when_it_is_back(database: Database) -> None:
    with WakeUps(database).of(uuid4()) as awake:
        await woken(awake)
        async with database.transaction() as session:
            await session.execute(END_LISTENERS, {"listen": f"listen {CHANNEL}"})
        await woken(awake)


async def test_drains_that_begin_after_all_others_ended_are_woken_too(database: Database) -> None:
    wake_ups = WakeUps(database)
    for _ in range(2):
        with wake_ups.of(uuid4()) as awake:
            await woken(awake)
