"""Whether a process can do its work, and what is missing if it cannot. `/livez` and `/readyz` of every process tell it.

A database that takes no writes is as good as none: its disk is full, or it is a standby. So something is really
written, as large as a page, and rolled back."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import NamedTuple

from sqlalchemy import BigInteger, Identity, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import Mapped, mapped_column
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from shared.database import Base, Database
from shared.temporal import names_no_namespace

LOOK_SECONDS = 5.0
"""So long the last answer of a check is given again: probes of many processes come every few seconds."""
CHECK_SECONDS = 4.0
POOL_SECONDS = 1.0
"""So long a check waits for a connection of the pool. If all are in use, the process is busy, and the check makes a
connection of its own."""
FILLER_BYTES = 3500
"""Written as hexadecimal digits, it needs a new page."""
TELLS_MIGRATION = "select has_table_privilege(to_regclass('public.alembic_version'), 'select')"
"""Null: the database is not migrated. False: somebody else migrates it, and does not tell us."""


class Missing(NamedTuple):
    """Something without which the process cannot work."""

    code: str
    detail: str


Check = Callable[[], Awaitable[Missing | None]]


class Probe(Base):
    """Rows that are written and rolled back, to see whether the database takes writes. It is always empty."""

    __tablename__ = "probe"
    __table_args__ = {"schema": "shared"}

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    filler: Mapped[str]


def seldom(check: Check) -> Check:
    """The same check, of which the last answer holds for a moment."""
    known: Missing | None = None
    until = 0.0

    async def look() -> Missing | None:
        nonlocal known, until
        if monotonic() >= until:
            known = await check()
            until = monotonic() + LOOK_SECONDS
        return known

    return look


def database_check(database: Database, migration: str | None = None) -> Check:
    """Whether the database takes writes, and has this migration, if one is named. A newer one is in order, as the
    previous release runs beside the schema of the next one."""

    async def check() -> Missing | None:
        reached = False
        try:
            async with asyncio.timeout(CHECK_SECONDS), database.connection_within(POOL_SECONDS) as connection:
                told = await connection.scalar(text(TELLS_MIGRATION))
                reached = True
                if migration is not None and (behind := await _behind(connection, migration, told)):
                    return behind
                await connection.execute(insert(Probe), {"filler": secrets.token_hex(FILLER_BYTES)})
                await connection.rollback()
        except Exception as error:
            if not reached:
                return Missing("database", "The database cannot be reached.")
            state = getattr(getattr(error, "orig", None), "sqlstate", None) or type(error).__name__
            return Missing("database_writes", f"The database takes no writes ({state}).")
        return None

    return check


async def _behind(connection: AsyncConnection, migration: str, told: bool | None) -> Missing | None:
    if told is False:
        return None
    found = await connection.scalar(text("select version_num from public.alembic_version")) if told else None
    if found is not None and found >= migration:
        return None
    has = f"is at migration {found}" if found else "is not migrated"
    return Missing("database_schema", f"The database {has}, and this release needs {migration}: run `upward migrate`.")


def temporal_check(client: Client) -> Check:
    async def check() -> Missing | None:
        address, namespace = client.service_client.config.target_host, client.namespace
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                request = DescribeNamespaceRequest(namespace=namespace)
                await client.workflow_service.describe_namespace(request)
        except RPCError as error:
            if names_no_namespace(error):
                return Missing("temporal_namespace", f"Temporal at {address} has no namespace {namespace}.")
            return Missing("temporal", f"Temporal at {address} answers {error.status.name}.")
        except (RuntimeError, OSError):  # what a client raises that never connected, and our own time limit
            return Missing("temporal", f"Temporal does not answer at {address} (TEMPORAL_ADDRESS).")
        return None

    return check
