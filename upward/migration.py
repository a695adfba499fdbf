"""Running the migrations, from any working directory."""

from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from shared.database import psycopg_url

log = structlog.get_logger(__name__)

ROOT = Path(__file__).parent.parent


def alembic_config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["database_url"] = psycopg_url(database_url)
    return config


def migrate(database_url: str) -> None:
    """Brings the database to the newest version. If several processes do so at once, they wait for each other. One
    that a newer release has migrated stays as it is, so that one can go back to this release."""
    config = alembic_config(database_url)
    if found := _newer(config, psycopg_url(database_url)):
        log.warning("migrations.left_out", found=found)
        return
    command.upgrade(config, "head")


def _newer(config: Config, url: str) -> str | None:
    """The migration of the database, if it is one of a newer release."""
    script = ScriptDirectory.from_config(config)
    engine = create_engine(url, connect_args={"application_name": "upward migrate"})
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table_schema": "public"})
            found = context.get_current_revision()
    finally:
        engine.dispose()
    return found if found is not None and found > str(script.get_current_head()) else None
