"""The relay runs the sequencer, the dispatcher, the fan-out, retention and the keeper of holds as long as the process
lives.

While there is work, the first three go on without a pause. While there is none, the sequencer sleeps until it is told
of events, and notifies the dispatcher and the fan-out of what it finds. Retention runs every hour. When the database or
Temporal is away, that is logged and tried again, with growing pauses.
"""

import asyncio

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.dispatcher import Dispatcher, TemporalAway
from services.events.log.holding import Keeper
from services.events.log.sequencer import Sequencer
from services.events.log.store import reading
from services.events.log.waiting import Backoff, Notifier, pause
from services.events.retention import apply_retention
from services.events.webhooks.fan_out import FanOut
from shared.database import Database

log = structlog.get_logger(__name__)
DISPATCHER_IDLE_SECONDS = 3.0
"""The notifier wakes the dispatcher at once. This poll finds events of which the process missed the notice, and those
that were set aside and are due again."""
FAN_OUT_IDLE_SECONDS = 5.0
"""The notifier wakes the fan-out too, also when somebody asked for deliveries. The poll also finds endpoints that could
not be called."""
STANDBY_SECONDS = 1.0
RETENTION_SECONDS = 3600.0
HOLDS_SECONDS = 5.0
"""How soon a restore is noticed while no event comes, and how often cycles are compared with their rows after one."""


class Relay:
    """Any number of processes may run a relay. Each of its parts works in one process at a time; the others stand
    by."""

    def __init__(
        self,
        database: Database,
        dispatcher: Dispatcher,
        fan_out: FanOut,
        retention_days: int,
        keeper: Keeper | None = None,
    ) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._fan_out = fan_out
        self._retention_days = retention_days
        self._keeper = keeper
        self._notifier = Notifier()

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set, and then finishes the batches that are under way."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(Sequencer(self._database, self._notifier).run(stop))
            tasks.create_task(self._keep_dispatching(stop))
            tasks.create_task(self._keep_fanning_out(stop))
            tasks.create_task(self._keep_retention(stop))
            if self._keeper is not None:
                tasks.create_task(self._keep_holds(self._keeper, stop))

    async def _keep_dispatching(self, stop: asyncio.Event) -> None:
        backoff = Backoff()
        while not stop.is_set():
            try:
                async with reading.only_dispatcher(self._database) as session:
                    if session is not None:
                        await self._dispatch(session, backoff, stop)
            except Exception as error:
                log.warning("dispatcher.failed", error=type(error).__name__)
                await pause(stop, backoff.next())
            else:
                await pause(stop, STANDBY_SECONDS)

    async def _dispatch(self, session: AsyncSession, backoff: Backoff, stop: asyncio.Event) -> None:
        """Dispatches, as the one dispatcher, until `stop` is set or the database fails."""
        while not stop.is_set():
            notice = self._notifier.next_notice
            progress = await self._dispatcher.dispatch_batch(session)
            if progress.away is not None:
                log.warning("temporal.unavailable", code=progress.away)
                await pause(stop, backoff.next())
                continue
            backoff.reset()
            if not progress.dispatched:
                await pause(notice, DISPATCHER_IDLE_SECONDS)

    async def _keep_fanning_out(self, stop: asyncio.Event) -> None:
        backoff = Backoff()
        while not stop.is_set():
            notice = self._notifier.next_notice
            try:
                worked = await self._fan_out.step()
            except TemporalAway as away:
                log.warning("temporal.unavailable", code=str(away))
                await pause(stop, backoff.next())
                continue
            except Exception as error:
                log.warning("fan_out.failed", error=type(error).__name__)
                await pause(stop, backoff.next())
                continue
            backoff.reset()
            if not worked:
                await pause(notice, FAN_OUT_IDLE_SECONDS)

    async def _keep_holds(self, keeper: Keeper, stop: asyncio.Event) -> None:
        backoff = Backoff()
        while not stop.is_set():
            try:
                await keeper.step()
            except Exception as error:
                log.warning("holds.failed", error=type(error).__name__)
                await pause(stop, backoff.next())
            else:
                backoff.reset()
                await pause(stop, HOLDS_SECONDS)

    async def _keep_retention(self, stop: asyncio.Event) -> None:
        backoff = Backoff()
        while not stop.is_set():
            try:
                await apply_retention(self._database, self._retention_days)
            except Exception as error:
                log.warning("retention.failed", error=type(error).__name__)
                await pause(stop, backoff.next())
            else:
                backoff.reset()
                await pause(stop, RETENTION_SECONDS)
