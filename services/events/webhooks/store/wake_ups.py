"""The SQL of wake-ups: Postgres carries them from the process of the fan-out to that of the drain by NOTIFY."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import cast
from uuid import UUID

from psycopg import AsyncConnection as Connection
from sqlalchemy import ARRAY, String, Uuid, bindparam, column, func, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Database

CHANNEL = "upward_deliveries"
GIVEN = (
    func.unnest(bindparam("endpoint_ids", type_=ARRAY(Uuid)))
    .table_valued(column("id", Uuid), name="given")
    .render_derived()
)
NOTIFY = select(func.pg_notify(CHANNEL, sql_cast(GIVEN.c.id, String)))


async def notify_drains(session: AsyncSession, endpoint_ids: Collection[UUID]) -> None:
    """Wakes the drains of these endpoints, in whichever process they run, once the transaction has committed."""
    await session.execute(NOTIFY, {"endpoint_ids": list(endpoint_ids)})


@asynccontextmanager
async def listen_for_wake_ups(database: Database) -> AsyncIterator[AsyncIterator[UUID]]:
    """The endpoints that have new deliveries, as long as the block lasts, over a connection of its own. Raises errors
    of the database's driver."""
    async with database.engine.connect() as pooled:
        try:
            await pooled.execution_options(isolation_level="AUTOCOMMIT")
            connection = cast(Connection, (await pooled.get_raw_connection()).driver_connection)
            await connection.execute(f"listen {CHANNEL}")
            yield (UUID(notification.payload) async for notification in connection.notifies())
        finally:
            await pooled.invalidate()  # closed, not pooled: it listens
