"""The SQL of the sequencer's idle hours: is anything staged, and has another process sequenced something?

The sequencer asks dozens of times a second, so this goes past sessions and transactions: one prepared statement on one
kept connection, a tenth of what a transaction costs. The same connection listens for the sequencers' notifications,
which come in with the answer to a question: a process hears of what others sequenced without asking anything more.
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
    """Looks for staged events. Any look may raise what the database's driver raises; take a new lookout then."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def has_staged(self) -> bool:
        """Whether a committed event waits for its position."""
        answer = await self._connection.execute(ANY_STAGED, prepare=True)
        return await answer.fetchone() is not None


@asynccontextmanager
async def open_poller(database: Database, heard: Callable[[], None]) -> AsyncIterator[StagingPoller]:
    """A lookout for the length of the block. `heard` is called, during a look, after another sequencer's batch; also
    once at the start, as there is no knowing what was missed before."""
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
    """Tells the lookouts of all processes, once the transaction has committed, that there are new events."""
    await session.execute(NOTIFY)
