"""The log's epoch: which history this is.

A restore takes the log back to an earlier point, and a standby that takes over may not have the last events. Sequences
that consumers have seen are then given again, to other events. Nobody could tell from numbers alone, so the log has an
epoch, which every page and checkpoint carries, and which changes whenever events that were told may be lost: by the
command of whoever restored, and by itself when the log goes on elsewhere than where it was written last.

What does not show: a copy of the files (a snapshot of the volume) put back on the same server. That takes the command.
"""

from weakref import WeakKeyDictionary

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.store import epoch as epoch_store
from services.events.log.store.epoch import Server

log = structlog.get_logger(__name__)


class Watch:
    """Compares the server with the one noted. One a process, as a server that refuses to answer is asked once only.

    Each connection asks once: a server neither becomes another cluster nor changes its timeline while it takes writes.
    """

    def __init__(self) -> None:
        self._asks = True
        self._servers: WeakKeyDictionary[object, Server] = WeakKeyDictionary()

    async def notice_restore(self, session: AsyncSession) -> None:
        """Changes the epoch if the log was written elsewhere before. Needs the sequencer's lock."""
        if not self._asks:
            return
        server = await self._server_of(session)
        if server is None:
            self._asks = False
            log.warning("epoch.unwatched")  # tell it by `upward events restored`
            return
        known = await epoch_store.read_known_server(session)
        if server == known:
            return
        if known is not None:
            epoch = await epoch_store.change_epoch(session)
            log.warning("epoch.changed", epoch=str(epoch))
        await epoch_store.note_server(session, server)

    async def _server_of(self, session: AsyncSession) -> Server | None:
        connection = (await (await session.connection()).get_raw_connection()).driver_connection
        server = self._servers.get(connection)
        if server is None and (server := await epoch_store.read_server(session)) is not None:
            self._servers[connection] = server
        return server


watch = Watch()
