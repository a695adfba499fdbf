"""Runs the migrations in one transaction. A migration that cannot run in one, as it builds an index while others write,
ends it, and the next ones begin another.

Only one process migrates at a time, and a migration gives up rather than block the services that are running.
"""

import importlib
import os
import pkgutil
import re
import time
from collections.abc import Mapping
from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine, text

import services
from shared.database import SCHEMAS, Base, psycopg_url

LOCK = 7_303_014_001
"""The key of the advisory lock that keeps two migrations from running at once."""
TURN_SECONDS = 0.5
"""How often it is tried."""


def import_models() -> None:
    """Makes every table known to `Base.metadata`."""
    for name in ("shared.auth", "shared.events", "shared.health", "shared.http.idempotency", "shared.rounds.models"):
        importlib.import_module(name)
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if module.name.rpartition(".")[2].startswith("models"):
            importlib.import_module(module.name)


def database_url() -> str:
    given = context.config.attributes.get("database_url")
    if given is None:
        given = os.environ.get("UPWARD_DATABASE_URL") or os.environ["DATABASE_URL"]
    return psycopg_url(str(given))


def is_ours(name: str | None, kind: str, parents: Mapping[Any, str | None]) -> bool:
    """Whether Alembic compares an object with the models.

    It compares everything in our schemas but the partitions of the event log, of which there is one for each day.
    """
    if kind == "schema":
        return name in SCHEMAS
    table = name if kind == "table" else parents.get("table_name")
    return parents.get("schema_name") != "events" or not re.fullmatch(r"event_\d{4}_\d\d_\d\d", table or "")


def run(connection: Connection) -> None:
    # Another migration may take long, so this one waits for it without a limit. It asks again and again, as a statement
    # that waits would be waited for by an index which the other one builds while others write.
    while not connection.scalar(text("select pg_try_advisory_lock(:key)"), {"key": LOCK}):
        connection.rollback()
        time.sleep(TURN_SECONDS)
    connection.execute(text("set lock_timeout = '5s'"))
    connection.execute(text("set statement_timeout = '10min'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_schemas=True,
        include_name=is_ours,
        compare_server_default=False,
        version_table="alembic_version",
        version_table_schema="public",
        # A table that one migration has changed is free for services again while the next ones run.
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
    connection.execute(text("select pg_advisory_unlock(:key)"), {"key": LOCK})
    connection.commit()


import_models()
engine = create_engine(database_url(), connect_args={"application_name": "upward migrate"})
try:
    with engine.connect() as connection:
        run(connection)
finally:
    engine.dispose()  # which also ends the turn of a migration that failed
