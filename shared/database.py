"""The database: its engine, its sessions, and the base class of all tables.

All services share one database, in which each has a schema of its own. Functions that get a session never commit it:
an edge (`api`, `activities`) opens a transaction, calls them, and commits before it answers.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, MetaData, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

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
            pool_timeout=30,
        )
        event.listen(self.engine.sync_engine, "connect", _limit)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._single = async_sessionmaker(alone, expire_on_commit=False)
        self._teller = Teller(alone)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose transaction commits at the end of the block, or rolls back if it raises. After the commit
        those are told who wait for it (`shared/notices.py`)."""
        async with self._sessions.begin() as session:
            yield session
        self._teller.tell(session)

    @asynccontextmanager
    async def single_statements(self) -> AsyncIterator[AsyncSession]:
        """A session in which each statement is a transaction of its own. For reading it is the same as a transaction,
        in which each statement sees what is committed when it begins, and it saves two round trips."""
        async with self._single() as session:
            yield session

    async def tell_all(self) -> None:
        """Waits until those are told who wait for what has been committed."""
        await self._teller.finish()

    async def close(self) -> None:
        await self.tell_all()
        await self.engine.dispose()


def _limit(connection: Any, _: object) -> None:
    """Gives a new connection the limits. They are set by a statement, as poolers refuse them as startup parameters."""
    cursor = connection.cursor()
    try:
        for name, limit in LIMITS.items():
            cursor.execute("select set_config(%s, %s, false)", (name, limit))
    finally:
        cursor.close()
    connection.commit()
