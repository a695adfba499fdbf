"""Sweeping the staging table: the rows that sequencing has moved out of it stay behind as dead ones until a vacuum.

Every look for staged events walks over them. Autovacuum comes once a minute at best, and not at all where Postgres
restarts more often than that, as it forgets then what there is to vacuum. So the sequencer sweeps behind itself, beside
its work: after so many events, one sweep at a time, and never for more than a small part of the time, should an old
snapshot keep the rows from going.
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
"""After a sweep the next one waits for at least so many times as long as it took."""


class Sweeper:
    """That of one sequencer, for the length of `at_work`."""

    def __init__(self, database: Database, after_events: int) -> None:
        self._database = database
        self._after_events = after_events
        self._moved = 0
        self._due = asyncio.Event()

    def note(self, moved: int) -> None:
        """So many more rows were moved out."""
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
                log.warning("sweeper.failed", error=type(error).__name__)
            await asyncio.sleep((clock() - begun) * REST)
