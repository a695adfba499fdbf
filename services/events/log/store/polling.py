"""The SQL by which a sequencer looks: is anything staged, and has another process sequenced something?

While events come the sequencer looks dozens of times a second. So this uses neither sessions nor transactions but one
prepared statement on one connection of its own, at a tenth of the cost of a transaction. The same connection listens:
to processes that have committed events, and to other sequencers. An idle sequencer sleeps until something comes over
it. What came is taken with the next look, so a process learns what others sequenced without a question more.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from psycopg import AsyncConnection as Connection
from psycopg import Notify
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Database
from shared.events import STAGED

CHANNEL = "upward_events"
"""On which relays are told that a batch was sequenced, or that an endpoint is to be called."""
LISTEN = f"listen {CHANNEL}; listen {STAGED}"
ANY_STAGED = "select id from events.staged_event order by id limit 1"
NOTIFY = select(func.pg_notify(CHANNEL, ""))


class StagingPoller:
    """Asks for staged events. A poll may raise any error of the database's driver; then a new poller is needed."""

    def __init__(self, connection: Connection, heard: Callable[[], None]) -> None:
        self._connection = connection
        self._heard = heard
        self._is_told = False
        connection.add_notify_handler(self._take)

    async def has_staged(self) -> bool:
        """Whether a committed event waits for its position."""
        self._is_told = False
        answer = await self._connection.execute(ANY_STAGED, prepare=True)
        return await answer.fetchone() is not None

    async def wait(self, stop: asyncio.Event, seconds: float) -> None:
        """Waits until there may be something new, until `stop` is set, or that long. It needs no question: the
        connection becomes readable when a notice comes, and also when the server has closed it."""
        if self._is_told:  # the notice came while the last look was under way, which may not have seen what it tells of
            return
        loop, came = asyncio.get_running_loop(), asyncio.Event()
        descriptor = self._connection.fileno()
        loop.add_reader(descriptor, came.set)
        waiting = [asyncio.create_task(event.wait()) for event in (stop, came)]
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_reader(descriptor)
            for task in waiting:
                task.cancel()

    def _take(self, notice: Notify) -> None:
        if notice.channel == STAGED:
            self._is_told = True
        else:
            self._heard()


@asynccontextmanager
async def open_poller(database: Database, heard: Callable[[], None]) -> AsyncIterator[StagingPoller]:
    """A poller, which lives as long as the block. `heard` is called, during a poll, when a batch has been sequenced. It
    is also called once at the start, as nobody knows what was missed before."""
    async with database.engine.connect() as pooled:
        try:
            await pooled.execution_options(isolation_level="AUTOCOMMIT")
            connection = cast(Connection, (await pooled.get_raw_connection()).driver_connection)
            poller = StagingPoller(connection, heard)
            await connection.execute(LISTEN)
            heard()
            yield poller
        finally:
            await pooled.invalidate()  # closed, not pooled: it listens


async def notify_sequenced(session: AsyncSession) -> None:
    """Tells the pollers of all processes, once the transaction has committed, that there are new events."""
    await session.execute(NOTIFY)
