"""A log whose events are dispatched: events are recorded, dispatched and looked after. Everything is committed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.dispatcher import CONSUMER, Dispatcher, Progress
from services.events.log.models import BehindRow, Consumer, Event, Hold, OrganizationHead, Undispatchable
from services.events.log.positions import sequence_batch
from services.events.log.store import reading
from shared.contracts.events import EventData, EventRecord
from shared.database import Database
from shared.events import StagedEvent, emit
from tests.patience import PATIENCE_SECONDS


async def empty_log(database: Database) -> None:
    async with database.transaction() as session:
        for table in (StagedEvent, Event, OrganizationHead, Consumer, Undispatchable, Hold, BehindRow):
            await session.execute(delete(table))


async def record(database: Database, organization_id: UUID, *events: EventData) -> list[EventRecord]:
    """Emits and sequences the events, and returns their records."""
    async with database.transaction() as session:
        await emit(session, organization_id, *events)
    async with database.transaction() as session:
        await sequence_batch(session)
        return await reading.read_feed(session, organization_id, 0, 1000)


async def record_raw(
    database: Database, organization_id: UUID, type: str, data: dict[str, Any], version: int = 1
) -> None:
    """Stages an event as a writer of another version, or a broken one, may do."""
    async with database.transaction() as session:
        session.add(
            StagedEvent(
                event_id=uuid4(), organization_id=organization_id, type=type, version=version, subject="x/1", data=data
            )
        )


@asynccontextmanager
async def dispatching(database: Database) -> AsyncIterator[AsyncSession]:
    """The session of the only dispatcher. It waits until Postgres has noticed that the one before closed its own."""
    async with asyncio.timeout(PATIENCE_SECONDS), AsyncExitStack() as stack:
        while (session := await stack.enter_async_context(reading.only_dispatcher(database))) is None:
            await stack.aclose()
            await asyncio.sleep(0.01)
        yield session


async def dispatch(database: Database, dispatcher: Dispatcher) -> Progress:
    async with dispatching(database) as session:
        return await dispatcher.dispatch_batch(session)


async def forget_cursor(database: Database) -> None:
    """Removes the cursor, as after a crash between the call of Temporal and the commit of the cursor."""
    async with database.transaction() as session:
        await session.execute(delete(Consumer))


async def cursor(database: Database) -> int | None:
    async with database.transaction() as session:
        return await session.scalar(select(Consumer.position).where(Consumer.name == CONSUMER))


async def refusals(database: Database) -> list[str]:
    async with database.transaction() as session:
        return list(await session.scalars(select(Undispatchable.reason).order_by(Undispatchable.position)))
