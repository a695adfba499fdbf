"""The database: its version, its role, its schema and its clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from alembic.script import ScriptDirectory
from psycopg.rows import namedtuple_row
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shared.database import SCHEMAS, psycopg_url
from upward.doctor.findings import Finding, doubtful, ok, wrong
from upward.migration import alembic_config

LEAST_VERSION = 16
MOST_CLOCK = timedelta(seconds=5)
CONNECT_SECONDS = 10
NEEDED_CONNECTIONS = 90
"""What the two processes of the small installation open at most, with some for people and backups."""
FACTS = """
select current_setting('server_version_num')::int / 10000 as version, current_user as role,
    (select rolsuper from pg_roles where rolname = current_user) as is_superuser,
    has_database_privilege(current_database(), 'CREATE') as may_create,
    (select count(*) from pg_namespace where nspname = any(%(schemas)s)) as schemas,
    (select count(*) from pg_namespace where nspname = any(%(schemas)s)
        and not pg_has_role(current_user, nspowner, 'USAGE')) as foreign_schemas,
    pg_is_in_recovery() as is_replica, getdatabaseencoding() as encoding,
    current_setting('max_connections')::int as connections, clock_timestamp() as now,
    to_regclass('public.alembic_version') is not null as is_migrated
"""


class Facts(NamedTuple):
    """What the server tells."""

    version: int
    role: str
    is_superuser: bool
    may_create: bool
    schemas: int
    foreign_schemas: int
    """Those that belong to somebody else."""
    is_replica: bool
    encoding: str
    connections: int
    skew: timedelta
    """By how much its clock is ahead of ours."""
    migration: str | None


async def examine_database(url: str, *, before_migrating: bool = False) -> Iterator[Finding]:
    try:
        conninfo = make_url(psycopg_url(url)).set(drivername="postgresql").render_as_string(hide_password=False)
    except ArgumentError:
        return iter(
            [
                wrong(
                    "database", "UPWARD_DATABASE_URL is no address.", "Write postgresql://USER:PASSWORD@HOST:5432/NAME."
                )
            ]
        )
    try:
        facts = await _ask(conninfo)
    except (psycopg.Error, OSError) as error:
        reason = _reason(error)
        return iter([wrong("database", f"it cannot be used: {reason}.", "Look at UPWARD_DATABASE_URL.")])
    return judge(facts, known_migrations(url), before_migrating=before_migrating)


def known_migrations(url: str) -> list[str]:
    """The migrations that this version brings, the newest first."""
    script = ScriptDirectory.from_config(alembic_config(url))
    return [one.revision for one in script.walk_revisions()]


def judge(facts: Facts, migrations: list[str], *, before_migrating: bool = False) -> Iterator[Finding]:
    if facts.version < LEAST_VERSION:
        yield wrong("database", f"it is Postgres {facts.version}.", f"Upward needs {LEAST_VERSION} or newer.")
    else:
        yield ok("database", f"Postgres {facts.version}.")
    if facts.is_replica:
        yield wrong("database", "it is a replica that takes no writes.", "Name the primary in UPWARD_DATABASE_URL.")
    if facts.encoding != "UTF8":
        yield wrong("database", f"its encoding is {facts.encoding}.", "Create it with encoding UTF8.")
    yield from _judge_role(facts)
    yield _judge_migration(facts.migration, migrations, before_migrating=before_migrating)
    if facts.connections < NEEDED_CONNECTIONS:
        yield doubtful(
            "database",
            f"it allows {facts.connections} connections.",
            "A process opens up to twice UPWARD_DATABASE_POOL_SIZE: raise max_connections, or lower the pools.",
        )
    yield _judge_clock(facts.skew)


def _judge_role(facts: Facts) -> Iterator[Finding]:
    if facts.foreign_schemas:
        yield wrong(
            "database role",
            f"{facts.role} does not own {facts.foreign_schemas} of Upward's schemas, so that it cannot migrate them.",
            "Use the role that made them, or give them to this one (alter schema … owner to …).",
        )
    elif facts.schemas < len(SCHEMAS) and not facts.may_create:
        yield wrong(
            "database role",
            f"{facts.role} may not create schemas, and {len(SCHEMAS) - facts.schemas} are missing.",
            f'Run: grant create on database … to "{facts.role}".',
        )
    elif facts.is_superuser:
        yield doubtful(
            "database role", f"{facts.role} is a superuser.", "Upward needs nothing but a database of its own."
        )
    else:
        yield ok("database role", facts.role)


def _judge_migration(found: str | None, migrations: list[str], *, before_migrating: bool) -> Finding:
    newest = migrations[0]
    if before_migrating and (found is None or found in migrations):
        return ok("schema", f"it will be brought to migration {newest}.")
    if found is None:
        return doubtful("schema", "the database is empty.", "Run `upward migrate`.")
    if found == newest:
        return ok("schema", f"migration {found}, the newest.")
    if found in migrations:
        return wrong("schema", f"it is at migration {found}, and this version needs {newest}.", "Run `upward migrate`.")
    if found > newest:
        return doubtful(
            "schema",
            f"it is at migration {found} of a newer version.",
            "A version runs beside the schema of the next one, and of no later one.",
        )
    return wrong(
        "schema", f"it is at migration {found}, which this version does not know.", "Use the version that migrated it."
    )


def _judge_clock(skew: timedelta) -> Finding:
    if abs(skew) > MOST_CLOCK:
        where = "behind" if skew > timedelta() else "ahead of"
        return wrong(
            "clock",
            f"this machine's is {abs(skew.total_seconds()):.0f} s {where} that of the database.",
            "Let both follow NTP: deadlines and links would end at different times.",
        )
    return ok("clock", f"within {MOST_CLOCK.total_seconds():.0f} s of that of the database.")


async def _ask(conninfo: str) -> Facts:
    async with await psycopg.AsyncConnection.connect(
        conninfo, connect_timeout=CONNECT_SECONDS, autocommit=True
    ) as connection:
        cursor = connection.cursor(row_factory=namedtuple_row)
        row: Any = await (await cursor.execute(FACTS, {"schemas": list(SCHEMAS)})).fetchone()
        here = datetime.now(UTC)
        migration = None
        if row.is_migrated:
            found: Any = await (await cursor.execute("select version_num from public.alembic_version")).fetchone()
            migration = found.version_num if found else None
    told = {name: getattr(row, name) for name in Facts._fields if name not in ("skew", "migration")}
    return Facts(**told, skew=row.now - here, migration=migration)


def _reason(error: Exception) -> str:
    """Why, without the address and the password, which the driver's texts may repeat."""
    state = getattr(error, "sqlstate", None)
    known = {
        "28P01": "the password is wrong",
        "28000": "the role may not connect",
        "3D000": "there is no such database",
        "53300": "all connections are taken",
        "57P03": "the server is starting",
    }
    if state in known:
        return known[state]
    text = str(error)
    if "password authentication failed" in text:
        return known["28P01"]
    if 'database "' in text and "does not exist" in text:
        return known["3D000"]
    if "role" in text and "does not exist" in text:
        return "there is no such role"
    if "resolve" in text or "not known" in text:
        return "there is no such host"
    return "nobody answers there" if isinstance(error, psycopg.OperationalError | OSError) else type(error).__name__
