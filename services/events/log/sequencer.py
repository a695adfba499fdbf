"""The sequencer: it sequences batch after batch for as long as the process lives.

Any number of processes may run one; one at a time moves a batch. While events come, a batch holds what was committed in
the last few hundredths of a second, as small batches cost more per event than large ones. After a full batch the next
one follows at once. When there is nothing, it sleeps until a process tells that it has committed events, and looks once
a second in case nobody could tell. When the database is away, that is logged and tried again.
"""

import asyncio

import structlog

from services.events.log.positions import rehearse, sequence_batch
from services.events.log.store.polling import StagingPoller, notify_sequenced, open_poller
from services.events.log.sweeping import AFTER_EVENTS, Sweeper
from services.events.log.waiting import Backoff, Notifier, pause
from shared.database import Database

log = structlog.get_logger(__name__)
BATCH = 500
GATHER_SECONDS = 0.02
TURN_SECONDS = 0.05
"""For how long it leaves another sequencer alone that is at work."""
IDLE_SECONDS = 1.0
"""How long it sleeps at most: a process that was killed after its commit has told nobody."""


class Sequencer:
    """Gives notice by `notifier` after every batch, whether this process or another one moved it."""

    def __init__(self, database: Database, notifier: Notifier, *, sweep_after: int = AFTER_EVENTS) -> None:
        self._database = database
        self._notifier = notifier
        self._sweeper = Sweeper(database, sweep_after)

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set, and then finishes the batch that is under way."""
        async with self._sweeper.at_work():
            await self._keep_sequencing(stop)
        self._notifier.notify()

    async def _keep_sequencing(self, stop: asyncio.Event) -> None:
        backoff, rehearsed = Backoff(), False
        while not stop.is_set():
            try:
                async with open_poller(self._database, self._notifier.notify) as poller:
                    if not rehearsed:
                        await self._rehearse()
                        rehearsed = True
                    await self._sequence(poller, backoff, stop)
            except Exception as error:
                log.warning("sequencer.failed", error=type(error).__name__)
                await pause(stop, backoff.next())

    async def _sequence(self, poller: StagingPoller, backoff: Backoff, stop: asyncio.Event) -> None:
        while not stop.is_set():
            is_staged = await poller.has_staged()
            moved = await self._move() if is_staged else 0
            backoff.reset()
            if not is_staged:
                await poller.wait(stop, IDLE_SECONDS)
            elif moved < BATCH:
                await pause(stop, GATHER_SECONDS if moved else TURN_SECONDS)

    async def _rehearse(self) -> None:
        async with self._database.transaction() as session:
            await rehearse(session)
            await notify_sequenced(session)

    async def _move(self) -> int:
        async with self._database.transaction() as session:
            moved = await sequence_batch(session, BATCH)
            if moved:
                await notify_sequenced(session)
        if moved:
            self._sweeper.note(moved)
            self._notifier.notify()
        return moved
