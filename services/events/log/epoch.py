"""The log's epoch, an id by which consumers notice that the log was restored.

A restore takes the log back to an earlier point, and a standby that takes over may lack the last events. Sequences that
consumers have seen are then given to other events, which nobody could notice by the numbers alone. Therefore the log
has an epoch. Every page and checkpoint carries it, and it changes whenever events that consumers have seen may be lost:
by the command `upward events restored`, and by itself when the log is written on another server than before.

One case does not show: when a copy of the files (a snapshot of the volume) is put back on the same server. It needs the
command.
"""

from weakref import WeakKeyDictionary

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.store import epoch as epoch_store
from services.events.log.store.epoch import Server

log = structlog.get_logger(__name__)


class Watch:
    """Compares the server that the log is written on with the one that it was written on last.

    A process has one, so that a server that refuses to answer is asked only once. Each connection asks only once too: a
    server neither becomes another cluster nor changes its timeline while it takes writes.
    """

    def __init__(self) -> None:
        self._asks = True
        self._servers: WeakKeyDictionary[object, Server] = WeakKeyDictionary()

    async def notice_restore(self, session: AsyncSession) -> None:
        """Changes the epoch if the log was written on another server before. Needs the sequencer's lock."""
        if not self._asks:
            return
        server = await self._server_of(session)
        if server is None:
            self._asks = False
            log.warning("epoch.unwatched")  # from now on only `upward events restored` changes the epoch
            return
        known = await epoch_store.read_known_server(session)
        if server == known:
            return
        if known is not None:
            epoch = await epoch_store.change_epoch(session)
            log.warning("epoch.changed", epoch=str(epoch))
        await epoch_store.note_server(session, server)

    async def is_here(self, session: AsyncSession) -> bool:
        """Whether this connection is known to be one to the server that the log was written on last. False does not
        mean that it is not: a connection that nobody has looked at yet is not known."""
        server = self._servers.get(await _driver_connection(session))
        return server is not None and server == await epoch_store.read_known_server(session)

    async def is_elsewhere(self, session: AsyncSession) -> bool:
        """Whether the log was written on another server before, which nobody has noticed yet."""
        if not self._asks:
            return False
        known, server = await epoch_store.read_known_server(session), await self._server_of(session)
        self._asks = server is not None
        return None not in (known, server) and known != server

    async def _server_of(self, session: AsyncSession) -> Server | None:
        connection = await _driver_connection(session)
        server = self._servers.get(connection)
        if server is None and (server := await epoch_store.read_server(session)) is not None:
            self._servers[connection] = server
        return server


async def _driver_connection(session: AsyncSession) -> object:
    return (await (await session.connection()).get_raw_connection()).driver_connection


watch = Watch()
