"""Drains are called over a real Postgres: those of the endpoint alone, and all when nobody knows what was missed."""

import asyncio
from uuid import uuid4

from sqlalchemy import text

from services.events.webhooks.store.wake_ups import CHANNEL, notify_drains
from services.events.webhooks.wake_ups import WakeUps
from shared.database import Database
from tests.patience import PATIENCE_SECONDS

END_LISTENERS = text("select pg_terminate_backend(pid) from pg_stat_activity where query like :listen")


async def woken(called: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await called.wait()
    called.clear()


async def test_a_call_wakes_the_drains_of_its_endpoint_alone(database: Database) -> None:
    mine, other = uuid4(), uuid4()
    calls = WakeUps(database)
    with calls.of(mine) as first, calls.of(mine) as second, calls.of(other) as third:
        for called in (first, second, third):
            await woken(called)  # once it listens
        async with database.transaction() as session:
            await notify_drains(session, [mine])
        await woken(first)
        await woken(second)
        assert not third.is_set()
        async with database.transaction() as session:
            await notify_drains(session, [mine, other])
        await woken(third)


async def test_what_was_called_while_the_connection_was_lost_is_looked_for(database: Database) -> None:
    with WakeUps(database).of(uuid4()) as called:
        await woken(called)
        async with database.transaction() as session:
            await session.execute(END_LISTENERS, {"listen": f"listen {CHANNEL}"})
        await woken(called)


async def test_drains_that_begin_after_all_others_ended_are_called_too(database: Database) -> None:
    calls = WakeUps(database)
    for _ in range(2):
        with calls.of(uuid4()) as called:
            await woken(called)
