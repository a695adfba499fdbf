"""SQL of the log's epoch, which changes when events that consumers have seen may be lost."""

from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Log
from services.events.log.store.holds import hold_all


class Server(NamedTuple):
    """The server that the log is written on. A copy on another cluster, or from an earlier point, differs in one of the
    two."""

    system_identifier: int
    """Identifies the Postgres cluster; a copy of its files has the same one."""
    timeline: int
    """It rises when a cluster is restored to a point in time, and when a standby takes over."""


SERVER = text(
    "select system_identifier, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"
    " from pg_control_system()"
)
"""The timeline is read from the write-ahead log that is written now, as `pg_control_checkpoint` shows a new one only
after the next checkpoint."""
KNOWN = select(Log.system_identifier, Log.timeline)
PASSING = ("08", "40", "53", "55", "57")
"""Classes of errors that pass: lost connections, lack of resources, a server that still recovers and answers reads, a
shutdown. They do not mean that the server refuses to be asked."""


async def read_server(session: AsyncSession) -> Server | None:
    """The server of this transaction; None if it refuses to be asked."""
    try:
        async with session.begin_nested():  # a refusal must not end the transaction
            return Server(*(await session.execute(SERVER)).one())
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state is None or state.startswith(PASSING):
            raise
        return None


async def read_known_server(session: AsyncSession) -> Server | None:
    """The server that the log was written on last; None if that is not recorded."""
    identifier, timeline = (await session.execute(KNOWN)).one()
    return None if identifier is None or timeline is None else Server(identifier, timeline)


async def note_server(session: AsyncSession, server: Server) -> None:
    await session.execute(update(Log).values(system_identifier=server.system_identifier, timeline=server.timeline))


async def change_epoch(session: AsyncSession) -> UUID:
    """Gives the log a new epoch, and forgets its server, which is recorded anew. Holds every organization."""
    epoch = uuid4()
    await session.execute(update(Log).values(epoch=epoch, system_identifier=None, timeline=None))
    await hold_all(session)
    return epoch
