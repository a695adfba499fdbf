"""Notices: after a commit, the process that committed tells others by `NOTIFY` that there is something to do.

A `NOTIFY` within the writers' transactions would make their commits wait for each other, as Postgres takes a lock for
it. So each process sends its own, outside of any transaction, once for all that it committed within a twentieth of a
second. A notice can be lost, when the process dies or the database is away; whoever waits for it also looks by itself
now and then.
"""

import asyncio
from collections.abc import Iterable
from contextvars import Context
from typing import cast

import structlog
from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

log = structlog.get_logger(__name__)
KEY = "upward.notices"
"""Where a session keeps the channels that its transaction is told on."""
APART_SECONDS = 0.05
"""From one notice of a process to the next."""
NOTIFY = "select pg_notify(channel, '') from unnest(%s::text[]) as channel"


def tell_once_committed(session: AsyncSession, channel: str) -> None:
    """Lets those who listen on the channel know of this transaction, once it has committed."""
    session.info.setdefault(KEY, set()).add(channel)


class Teller:
    """Sends the notices of one process."""

    def __init__(self, engine: AsyncEngine) -> None:
        """The connections of the engine commit each statement by itself."""
        self._engine = engine
        self._due: set[str] = set()
        self._told_at = float("-inf")
        self._telling: asyncio.Task[None] | None = None

    def tell(self, session: AsyncSession) -> None:
        """Is called once the transaction of the session has committed. The notice goes out at once, or in a moment if
        another one has just gone out. The caller does not wait for it."""
        channels: Iterable[str] | None = session.info.pop(KEY, None)
        if channels is None:
            return
        self._due.update(channels)
        if self._telling is None or self._telling.done():
            # It belongs to no request, and takes nothing of the context of the one that happened to be first.
            self._telling = asyncio.get_running_loop().create_task(self._keep_telling(), context=Context())

    async def finish(self) -> None:
        """Waits for the notices that are due."""
        if self._telling is not None:
            await asyncio.gather(self._telling, return_exceptions=True)

    async def _keep_telling(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._due:
            await asyncio.sleep(max(0.0, self._told_at + APART_SECONDS - clock()))
            channels, self._due = sorted(self._due), set()
            self._told_at = clock()
            try:
                async with self._engine.connect() as pooled:
                    raw = await pooled.get_raw_connection()
                    await cast(AsyncConnection, raw.driver_connection).execute(NOTIFY, (channels,))
            except Exception as error:
                log.warning("notice.failed", error=type(error).__name__)
