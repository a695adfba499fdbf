"""The sequencer sweeps the staging table: dead rows would make every poll for staged events slower."""

import asyncio
from uuid import UUID, uuid4

from sqlalchemy import text
from structlog.testing import capture_logs

from services.events.log.sequencer import Sequencer
from services.events.log.sweeping import Sweeper
from services.events.log.waiting import Notifier
from shared.contracts.events import CyclePaused
from shared.database import Database
from shared.events import emit
from tests.patience import PATIENCE_SECONDS

EVENTS = 20
VACUUMS = text("select vacuum_count from pg_stat_user_tables where schemaname = 'events' and relname = 'staged_event'")


async def vacuums(database: Database) -> int:
    async with database.transaction() as session:
        return int(await session.scalar(VACUUMS) or 0)


async def test_a_sequencer_sweeps_after_so_many_events(database: Database, organization_id: UUID) -> None:
    before, stop = await vacuums(database), asyncio.Event()
    async with database.transaction() as session:
        await emit(session, organization_id, *(CyclePaused(cycle_id=uuid4()) for _ in range(EVENTS)))
    running = asyncio.create_task(Sequencer(database, Notifier(), sweep_after=EVENTS).run(stop))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await vacuums(database) == before:
            await asyncio.sleep(0.05)
        stop.set()
        await running


async def test_fewer_events_and_a_sweeper_that_is_not_at_work_sweep_nothing(database: Database) -> None:
    before = await vacuums(database)
    sweeper = Sweeper(database, after_events=3)
    async with sweeper.at_work():
        sweeper.note(2)
        await asyncio.sleep(0.3)
    sweeper.note(5)
    await asyncio.sleep(0.1)
    assert await vacuums(database) == before


async def test_a_sweep_that_fails_is_logged_and_the_next_is_made() -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none")
    sweeper = Sweeper(nowhere, after_events=1)
    with capture_logs() as told:
        async with sweeper.at_work(), asyncio.timeout(PATIENCE_SECONDS):
            for number in (1, 2):
                sweeper.note(1)
                while len(told) < number:
                    await asyncio.sleep(0.01)
    assert [one["event"] for one in told] == ["sweep.failed"] * 2
    await nowhere.close()
