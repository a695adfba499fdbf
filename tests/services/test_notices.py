"""Who waits for events is told once they are committed, by a notice that is no part of the writers' transactions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from psycopg import AsyncConnection
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

import shared.notices
from services.events.log.models import Event, OrganizationHead
from services.events.log.sequencer import Sequencer
from services.events.log.store.polling import open_poller
from services.events.log.waiting import Notifier
from shared.contracts.events import CycleCancelled
from shared.database import Database
from shared.events import STAGED, StagedEvent, emit
from shared.notices import Teller, tell_once_committed
from tests.patience import PATIENCE_SECONDS


@pytest.fixture
async def organization(database: Database) -> AsyncIterator[UUID]:
    """Its events are committed for real, and removed after the test. What other tests have left staged goes first."""
    organization_id = uuid4()
    async with database.transaction() as session:
        await session.execute(delete(StagedEvent))
    yield organization_id
    async with database.transaction() as session:
        for table in (StagedEvent, Event, OrganizationHead):
            await session.execute(delete(table).where(table.organization_id == organization_id))


async def stage(database: Database, organization_id: UUID) -> None:
    async with database.transaction() as session:
        await emit(session, organization_id, CycleCancelled(cycle_id=uuid4()))


async def test_a_poller_that_waits_is_told_of_a_commit(database: Database, organization: UUID) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), open_poller(database, lambda: None) as poller:
        assert not await poller.has_staged()
        waiting = asyncio.create_task(poller.wait(asyncio.Event(), 2 * PATIENCE_SECONDS))
        await stage(database, organization)
        await waiting
        assert await poller.has_staged()


async def test_a_notice_that_comes_while_the_poller_looks_is_not_waited_for(
    database: Database, organization: UUID
) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), open_poller(database, lambda: None) as poller:
        await stage(database, organization)
        await database.tell_all()
        assert await poller.has_staged()  # the notice came with the answer
        await poller.wait(asyncio.Event(), 2 * PATIENCE_SECONDS)


async def test_a_poller_that_waits_ends_when_it_should_stop(database: Database) -> None:
    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(PATIENCE_SECONDS), open_poller(database, lambda: None) as poller:
        await poller.wait(stop, 2 * PATIENCE_SECONDS)


async def test_what_was_rolled_back_is_not_told(database: Database, organization: UUID) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), database.engine.connect() as pooled:
        await pooled.execution_options(isolation_level="AUTOCOMMIT")
        listening = cast(AsyncConnection, (await pooled.get_raw_connection()).driver_connection)
        await listening.execute(f"listen {STAGED}")
        await listening.execute("listen upward_test")
        with suppress(LookupError):
            async with database.transaction() as session:
                await emit(session, organization, CycleCancelled(cycle_id=uuid4()))
                raise LookupError
        async with database.transaction() as session:
            tell_once_committed(session, "upward_test")
        told = [notice.channel async for notice in listening.notifies(stop_after=1)]
        await pooled.invalidate()
    assert told == ["upward_test"]


async def test_an_event_that_nobody_told_of_is_sequenced_all_the_same(database: Database, organization: UUID) -> None:
    stop, notifier = asyncio.Event(), Notifier()
    running = asyncio.create_task(Sequencer(database, notifier).run(stop))
    async with database.engine.begin() as connection:  # as of a process that dies right after its commit
        await emit(AsyncSession(connection), organization, CycleCancelled(cycle_id=uuid4()))
    async with asyncio.timeout(PATIENCE_SECONDS), database.engine.connect() as reading:
        statement = OrganizationHead.__table__.select().where(OrganizationHead.organization_id == organization)
        while (await reading.execute(statement)).first() is None:
            await reading.rollback()
            await asyncio.sleep(0.05)
    stop.set()
    await running


class CountedEngine:
    """An engine without a server, which counts how often somebody connects."""

    def __init__(self) -> None:
        self.connected = 0

    def connect(self) -> Any:
        self.connected += 1
        raise ConnectionError


class Told:
    def __init__(self) -> None:
        self.info = {shared.notices.KEY: {STAGED}}


async def test_many_commits_are_told_together_and_a_database_that_is_away_is_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = CountedEngine()
    teller = Teller(cast(Any, engine))
    monkeypatch.setattr(shared.notices, "APART_SECONDS", 0.0)
    teller.tell(cast(Any, Told()))
    await teller.finish()
    assert engine.connected == 1
    monkeypatch.setattr(shared.notices, "APART_SECONDS", 0.1)
    for _ in range(50):
        teller.tell(cast(Any, Told()))
        await asyncio.sleep(0)
    await teller.finish()
    assert 1 < engine.connected < 10
