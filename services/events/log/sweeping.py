"""Sweeping the staging table: rows that the sequencer has moved out of it stay behind as dead rows until a vacuum.

Every poll for staged events has to read over the dead rows. Autovacuum comes once a minute at best. Where Postgres
restarts more often than that it never comes, as Postgres then forgets what there is to vacuum. So the sequencer vacuums
the table itself, beside its other work: each time after a number of events, one sweep at a time. Sweeps take only a
small part of the time, even if an old snapshot keeps the dead rows from being removed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from services.events.log.store.positions import vacuum_staged
from shared.database import Database

log = structlog.get_logger(__name__)
AFTER_EVENTS = 10_000
REST = 20
"""After a sweep the next one waits at least this many times as long as the sweep took."""


class Sweeper:
    """Sweeps for one sequencer, for as long as the block of `at_work` lasts."""

    def __init__(self, database: Database, after_events: int) -> None:
        self._database = database
        self._after_events = after_events
        self._moved = 0
        self._due = asyncio.Event()

    def note(self, moved: int) -> None:
        """Adds the number of rows that were moved out of the staging table."""
        self._moved += moved
        if self._moved >= self._after_events:
            self._due.set()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(self._keep_sweeping())
        try:
            yield
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)

    async def _keep_sweeping(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await self._due.wait()
            self._moved = 0
            self._due.clear()
            begun = clock()
            try:
                await vacuum_staged(self._database)
            except Exception as error:
                log.warning("sweep.failed", error=type(error).__name__)
            await asyncio.sleep((clock() - begun) * REST)
