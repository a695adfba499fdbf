"""Watching the log for all requests that wait for its next event.

However many requests wait, one query every quarter of a second asks for the heads of their organizations, rows that are
found by their keys. A request is woken only when its own organization's head has moved, and reads nothing before that.
Polling needs no listener that could lose its connection, and adds nothing to the sequencer's work.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog

from services.events.log.store import reading
from services.events.log.waiting import pause
from shared.database import Database
from shared.errors import DomainError

log = structlog.get_logger(__name__)
POLL_SECONDS = 0.25
MOST_WAITING = 100
"""How many requests of one organization may wait in a process. Each holds a connection of the server meanwhile."""
READ_AT_ONCE = 2
"""How many requests of one organization read at the same time when they are woken together, so that they leave
connections to the database for others."""
RETRY_SECONDS = 5


class TooManyWaiting(DomainError):
    status = 429
    code = "too_many_waiting"


class Waiter:
    """A request that waits for its organization's head to be another one than it knows."""

    def __init__(self, sequence: int, epoch: UUID) -> None:
        self._known = (sequence, epoch)
        self.moved = asyncio.Event()

    def compare(self, sequence: int, epoch: UUID) -> None:
        if (sequence, epoch) != self._known:
            self.moved.set()


class Waiters:
    """Those of one organization."""

    def __init__(self) -> None:
        self.count = 0
        """Everybody who is here: who waits, and who reads because the head has moved."""
        self.waiting: set[Waiter] = set()
        self.turn = asyncio.Semaphore(READ_AT_ONCE)


class HeadWatch:
    """The requests of one process that wait, and the one task that asks for all of them. It ends with the last one."""

    def __init__(self) -> None:
        self._organizations: dict[UUID, Waiters] = {}
        self._nobody = asyncio.Event()
        self._polling: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def among_waiters(self, database: Database, organization_id: UUID) -> AsyncIterator[Waiters]:
        """Lets a request wait. Raises TooManyWaiting."""
        here = self._organizations.setdefault(organization_id, Waiters())
        if here.count >= MOST_WAITING:
            raise TooManyWaiting(
                f"{MOST_WAITING} requests of your organization wait for events already; one reader needs one.",
                headers={"retry-after": str(RETRY_SECONDS)},
            )
        here.count += 1
        self._nobody.clear()
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll(database))
        try:
            yield here
        finally:
            here.count -= 1
            if not here.count:
                del self._organizations[organization_id]
            if not self._organizations:
                self._nobody.set()

    async def _poll(self, database: Database) -> None:
        while True:
            await pause(self._nobody, POLL_SECONDS)
            if not self._organizations:
                return
            try:
                await self._look(database)
            except Exception as error:
                log.warning("watch.failed", error=type(error).__name__)
                # Each request reads for itself, and answers as any other does when the database is away.
                for waiter in self._waiting():
                    waiter.moved.set()

    async def _look(self, database: Database) -> None:
        wanted = [one for one, here in self._organizations.items() if here.waiting]
        if not wanted:
            return
        async with database.transaction() as session:
            epoch, sequences = await reading.read_sequences(session, wanted)
        for organization_id in wanted:
            here = self._organizations.get(organization_id)
            for waiter in here.waiting if here is not None else ():
                waiter.compare(sequences.get(organization_id, 0), epoch)

    def _waiting(self) -> list[Waiter]:
        return [waiter for here in self._organizations.values() for waiter in here.waiting]


_watches: WeakKeyDictionary[Database, HeadWatch] = WeakKeyDictionary()


def watch_of(database: Database) -> HeadWatch:
    """The watch of this database, which all requests of the process share."""
    return _watches.setdefault(database, HeadWatch())
