"""The relay: sequencer and dispatcher, going on for as long as the process lives.

Both go on at once while there is work and poll while there is none. A database or a Temporal server that is away is
logged and tried again, with pauses that grow from 0.2 to 5 s.
"""

import asyncio

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.events import store
from services.events.dispatcher import Dispatcher
from services.events.pauses import Pauses, pause
from services.events.sequencer import sequence_batch
from shared.database import Database

log = structlog.get_logger(__name__)
SEQUENCER_IDLE_SECONDS = 0.05
DISPATCHER_IDLE_SECONDS = 0.1
"""Events that this process sequenced wake its dispatcher at once; the poll finds those of other replicas."""
STANDBY_SECONDS = 1.0


class Relay:
    """Any number of processes may run one: each part works in one process at a time, the others stand by."""

    def __init__(self, database: Database, dispatcher: Dispatcher) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._sequenced = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set; ends after the batches that are under way."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_sequencing(stop))
            tasks.create_task(self._keep_dispatching(stop))

    async def _keep_sequencing(self, stop: asyncio.Event) -> None:
        pauses = Pauses()
        while not stop.is_set():
            try:
                async with self._database.transaction() as session:
                    moved = await sequence_batch(session)
            except Exception as error:
                log.warning("sequencer.failed", error=type(error).__name__)
                await pause(stop, pauses.next())
                continue
            pauses.reset()
            if moved:
                self._sequenced.set()
            else:
                await pause(stop, SEQUENCER_IDLE_SECONDS)

    async def _keep_dispatching(self, stop: asyncio.Event) -> None:
        pauses = Pauses()
        while not stop.is_set():
            try:
                async with store.only_dispatcher(self._database) as session:
                    if session is not None:
                        await self._dispatch(session, pauses, stop)
            except Exception as error:
                log.warning("dispatcher.failed", error=type(error).__name__)
                await pause(stop, pauses.next())
            else:
                await pause(stop, STANDBY_SECONDS)

    async def _dispatch(self, session: AsyncSession, pauses: Pauses, stop: asyncio.Event) -> None:
        """Dispatches, as the one dispatcher, until `stop` is set or the database fails."""
        while not stop.is_set():
            self._sequenced.clear()
            progress = await self._dispatcher.dispatch_batch(session)
            if progress.away is not None:
                log.warning("temporal.unavailable", code=progress.away)
                await pause(stop, pauses.next())
                continue
            pauses.reset()
            if not progress.dispatched:
                await pause(self._sequenced, DISPATCHER_IDLE_SECONDS)
