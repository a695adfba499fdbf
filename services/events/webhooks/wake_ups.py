"""Waking drains: a drain that waits for more learns of new deliveries at once, without polling the database all the
time.

One connection a process listens for all of its drains, for as long as there are any. Wake-ups that are sent while it is
lost do no harm: when it is back it wakes every drain, and each drain also looks by itself about once a second.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog

from services.events.log.waiting import Backoff
from services.events.webhooks.store.wake_ups import listen_for_wake_ups
from shared.database import Database

log = structlog.get_logger(__name__)


class WakeUps:
    """The wake-ups of all drains of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._drains: dict[asyncio.Event, UUID] = {}
        self._listening: asyncio.Task[None] | None = None

    @contextmanager
    def of(self, endpoint_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set whenever the endpoint has new deliveries, as long as the block lasts. Needs a running
        loop."""
        woken = asyncio.Event()
        self._drains[woken] = endpoint_id
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        try:
            yield woken
        finally:
            del self._drains[woken]
            if not self._drains:
                self._listening.cancel()
                self._listening = None

    async def _listen(self) -> None:
        backoff = Backoff()
        while True:
            try:
                async with listen_for_wake_ups(self._database) as wake_ups:
                    self._wake(None)
                    async for endpoint_id in wake_ups:
                        backoff.reset()
                        self._wake(endpoint_id)
            except Exception as error:
                log.warning("wake_ups.failed", error=type(error).__name__)
                await asyncio.sleep(backoff.next())

    def _wake(self, endpoint_id: UUID | None) -> None:
        """Wakes the drains of this endpoint, or all drains if it is None."""
        for woken, mine in self._drains.items():
            if endpoint_id in (None, mine):
                woken.set()
