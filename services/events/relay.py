"""The relay: sequencer, dispatcher and keeper, going on for as long as the process lives.

The first two go on at once while there is work and poll while there is none; the keeper comes every hour. A database
or a Temporal server that is away is logged and tried again, with pauses that grow from 0.2 to 5 s.
"""

import asyncio
from contextlib import suppress

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.events import store
from services.events.dispatcher import Dispatcher
from services.events.keeper import keep
from services.events.sequencer import sequence_batch
from shared.database import Database

log = structlog.get_logger(__name__)
SEQUENCER_IDLE_SECONDS = 0.05
DISPATCHER_IDLE_SECONDS = 0.1
"""Events that this process sequenced wake its dispatcher at once; the poll finds those of other replicas."""
STANDBY_SECONDS = 1.0
KEEPER_SECONDS = 3600.0
SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


class Pauses:
    """Growing pauses between attempts."""

    def __init__(self) -> None:
        self._seconds = SHORTEST_PAUSE_SECONDS

    def next(self) -> float:
        seconds = self._seconds
        self._seconds = min(seconds * 2, LONGEST_PAUSE_SECONDS)
        return seconds

    def reset(self) -> None:
        self._seconds = SHORTEST_PAUSE_SECONDS


class Relay:
    """Any number of processes may run one: each part works in one process at a time, the others stand by."""

    def __init__(self, database: Database, dispatcher: Dispatcher, retention_days: int) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._retention_days = retention_days
        self._sequenced = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set; ends after the batches that are under way."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_sequencing(stop))
            tasks.create_task(self._keep_dispatching(stop))
            tasks.create_task(self._keep_keeping(stop))

    async def _keep_sequencing(self, stop: asyncio.Event) -> None:
        pauses = Pauses()
        while not stop.is_set():
            try:
                async with self._database.transaction() as session:
                    moved = await sequence_batch(session)
            except Exception as error:
                log.warning("sequencer.failed", error=type(error).__name__)
                await _pause(stop, pauses.next())
                continue
            pauses.reset()
            if moved:
                self._sequenced.set()
            else:
                await _pause(stop, SEQUENCER_IDLE_SECONDS)

    async def _keep_dispatching(self, stop: asyncio.Event) -> None:
        pauses = Pauses()
        while not stop.is_set():
            try:
                async with store.only_dispatcher(self._database) as session:
                    if session is not None:
                        await self._dispatch(session, pauses, stop)
            except Exception as error:
                log.warning("dispatcher.failed", error=type(error).__name__)
                await _pause(stop, pauses.next())
            else:
                await _pause(stop, STANDBY_SECONDS)

    async def _keep_keeping(self, stop: asyncio.Event) -> None:
        pauses = Pauses()
        while not stop.is_set():
            try:
                await keep(self._database, self._retention_days)
            except Exception as error:
                log.warning("keeper.failed", error=type(error).__name__)
                await _pause(stop, pauses.next())
            else:
                pauses.reset()
                await _pause(stop, KEEPER_SECONDS)

    async def _dispatch(self, session: AsyncSession, pauses: Pauses, stop: asyncio.Event) -> None:
        """Dispatches, as the one dispatcher, until `stop` is set or the database fails."""
        while not stop.is_set():
            self._sequenced.clear()
            progress = await self._dispatcher.dispatch_batch(session)
            if progress.away is not None:
                log.warning("temporal.unavailable", code=progress.away)
                await _pause(stop, pauses.next())
                continue
            pauses.reset()
            if not progress.dispatched:
                await _pause(self._sequenced, DISPATCHER_IDLE_SECONDS)


async def _pause(until: asyncio.Event, seconds: float) -> None:
    """Waits that long, or less when the event is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await until.wait()
