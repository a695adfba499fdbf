"""The database: its engine, its sessions, and the base class of all tables.

All services share one database, in which each has a schema of its own. Functions that get a session never commit it:
an edge (`api`, `activities`) opens a transaction, calls them, and commits before it answers.
"""

import asyncio
import select
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, MetaData, event, make_url
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import NullPool

from shared.notices import Teller

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
LIMITS = {
    "statement_timeout": "60s",
    "lock_timeout": "15s",
    "idle_in_transaction_session_timeout": "60s",
}
"""How long a statement may take, how long it may wait for a lock, and how long a transaction may do nothing. Whoever
takes longer is ended by Postgres, so that nobody else waits for them."""
LONGEST_NAME = 63
"""Postgres cuts longer names off."""
TRIED_SECONDS = 1.0
"""How long a request trusts that Postgres has not ended a connection that it has tried out."""
SCHEMAS = ("accounts", "events", "feedback", "intake", "matching", "notifications", "programs", "rounds", "shared")


class Base(DeclarativeBase):
    """The base class of every table. Constraints are named by a convention, and datetimes have a time zone."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: DateTime(timezone=True)}


def psycopg_url(url: str) -> str:
    """The URL with the driver psycopg 3. `postgres://` and `postgresql://` are understood, too."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


class _Reading:
    """What the single statements of one request have in common."""

    def __init__(self) -> None:
        self.tried: dict[Any, float] = {}
        """The connections that the request has tried out, and when."""
        self.in_use = False
        self._database: Database | None = None
        self.kept: AsyncSession | None = None
        """The session of the last statement, until somebody takes it or the request waits for something else."""
        self._closing = set[asyncio.Future[None]]()

    def serves(self, database: "Database") -> bool:
        """Whether nobody else uses what is kept, and it is of this database."""
        return not self.in_use and self._database in (None, database)

    def take(self, database: "Database") -> AsyncSession | None:
        """The session that is kept for the next statement; None if there is none. It is in use from now on."""
        kept, self.kept = self.kept, None
        self._database, self.in_use = database, True
        return kept

    def give_back(self, session: AsyncSession) -> None:
        """Keeps the session as long as the request waits for nothing else: a connection that is kept by one who waits
        would be missed by others, and if all did so, nobody could go on."""
        session.expunge_all()
        self.kept, self.in_use = session, False
        asyncio.get_running_loop().call_soon(self._let_go)

    async def end(self) -> None:
        """Gives back what is kept."""
        self._let_go()
        if self._closing:
            await asyncio.wait(self._closing)

    def _let_go(self) -> None:
        session, self.kept = self.kept, None
        if session is not None:
            closing = asyncio.ensure_future(session.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


_reading: ContextVar[_Reading | None] = ContextVar("reading", default=None)


@asynccontextmanager
async def reading_together(*, anew: bool = False) -> AsyncIterator[None]:
    """Within the block, single statements that follow each other use one connection, and a connection that was tried
    out a moment ago is only looked at when it is used again: whether anything has come on it, as it does when Postgres
    ends it. Elsewhere each use takes a connection and tries it out. `anew` is for a task that may go on for longer than
    the one that started it."""
    if _reading.get() is not None and not anew:
        yield
        return
    reading = _Reading()
    before = _reading.set(reading)
    try:
        yield
    finally:
        _reading.reset(before)
        await reading.end()


class Database:
    """An engine and the sessions that use it."""

    def __init__(self, url: str, *, pool_size: int = 10, name: str = "upward") -> None:
        """Postgres knows the connections by this name (`pg_stat_activity.application_name`), unless the URL has one."""
        address = make_url(psycopg_url(url))
        named = {} if "application_name" in address.query else {"application_name": name[:LONGEST_NAME]}
        self.engine: AsyncEngine = create_async_engine(
            address,
            connect_args=named,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            pool_use_lifo=True,
            pool_timeout=30,
        )
        _try_out_once(self.engine.sync_engine.dialect)
        self._apart = create_async_engine(address, connect_args=named, poolclass=NullPool)
        for engine in (self.engine, self._apart):
            event.listen(engine.sync_engine, "connect", _limit)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._single = async_sessionmaker(alone, expire_on_commit=False)
        self._teller = Teller(alone)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose transaction commits at the end of the block, or rolls back if it raises. After the commit
        those are told who wait for it (`shared/notices.py`)."""
        if (reading := _reading.get()) is not None:
            await reading.end()  # so that the transaction uses the same connection
        async with self._sessions.begin() as session:
            yield session
        self._teller.tell(session)

    @asynccontextmanager
    async def single_statements(self) -> AsyncIterator[AsyncSession]:
        """A session in which each statement is a transaction of its own. For reading it is the same as a transaction,
        in which each statement sees what is committed when it begins, and it saves two round trips."""
        reading = _reading.get()
        if reading is None or not reading.serves(self):
            async with self._single() as session:
                yield session
            return
        session = reading.take(self) or self._single()
        try:
            yield session
        except BaseException:
            reading.in_use = False
            await session.close()
            raise
        reading.give_back(session)

    @asynccontextmanager
    async def connection_within(self, seconds: float) -> AsyncIterator[AsyncConnection]:
        """A connection of the pool, if one is free within so many seconds, or else one that is made apart from it: that
        all connections of the pool are in use does not mean that the database is away."""
        try:
            connection = await asyncio.wait_for(self.engine.connect().start(), seconds)
        except (TimeoutError, PoolTimeout):
            connection = await self._apart.connect().start()
        try:
            yield connection
        finally:
            await connection.close()

    async def tell_all(self) -> None:
        """Waits until those are told who wait for what has been committed."""
        await self._teller.finish()

    async def close(self) -> None:
        await self.tell_all()
        await self.engine.dispose()
        await self._apart.dispose()


def _try_out_once(dialect: Any) -> None:
    """SQLAlchemy asks the dialect to try out a connection before each use (`pool_pre_ping`)."""
    ping = dialect.do_ping

    def ping_or_look(connection: Any) -> bool:
        reading = _reading.get()
        if reading is None:
            return bool(ping(connection))
        tried = reading.tried
        if time.monotonic() - tried.get(connection, -TRIED_SECONDS) < TRIED_SECONDS and not _has_news(connection):
            return True
        answered = bool(ping(connection))
        tried[connection] = time.monotonic()
        return answered

    dialect.do_ping = ping_or_look


def _has_news(connection: Any) -> bool:
    """Whether something has come on an idle connection: its end, or a notice."""
    looking = select.poll()
    looking.register(connection.driver_connection.fileno(), select.POLLIN)
    return bool(looking.poll(0))


def _limit(connection: Any, _: object) -> None:
    """Gives a new connection the limits. They are set by a statement, as poolers refuse them as startup parameters."""
    cursor = connection.cursor()
    try:
        for name, limit in LIMITS.items():
            cursor.execute("select set_config(%s, %s, false)", (name, limit))
    finally:
        cursor.close()
    connection.commit()
