"""The SQL by which an idle sequencer polls: is anything staged, and has another process sequenced something?

The sequencer polls dozens of times a second. So this uses neither sessions nor transactions but one prepared statement
on one connection of its own, at a tenth of the cost of a transaction. The same connection listens for the notifications
of other sequencers. They arrive with the answer to a poll, so a process learns what others sequenced without a question
more.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from psycopg import AsyncConnection as Connection
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Database

CHANNEL = "upward_events"
LISTEN = f"listen {CHANNEL}"
ANY_STAGED = "select id from events.staged_event order by id limit 1"
NOTIFY = select(func.pg_notify(CHANNEL, ""))


class StagingPoller:
    """Asks for staged events. A poll may raise any error of the database's driver; then a new poller is needed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def has_staged(self) -> bool:
        """Whether a committed event waits for its position."""
        answer = await self._connection.execute(ANY_STAGED, prepare=True)
        return await answer.fetchone() is not None


@asynccontextmanager
async def open_poller(database: Database, heard: Callable[[], None]) -> AsyncIterator[StagingPoller]:
    """A poller, which lives as long as the block. `heard` is called, during a poll, when a batch has been sequenced. It
    is also called once at the start, as nobody knows what was missed before."""
    async with database.engine.connect() as pooled:
        try:
            await pooled.execution_options(isolation_level="AUTOCOMMIT")
            connection = cast(Connection, (await pooled.get_raw_connection()).driver_connection)
            connection.add_notify_handler(lambda _: heard())
            await connection.execute(LISTEN)
            heard()
            yield StagingPoller(connection)
        finally:
            await pooled.invalidate()  # closed, not pooled: it listens


async def notify_sequenced(session: AsyncSession) -> None:
    """Tells the pollers of all processes, once the transaction has committed, that there are new events."""
    await session.execute(NOTIFY)
