"""Running the migrations, from any working directory."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from shared.database import psycopg_url

ROOT = Path(__file__).parent.parent


def alembic_config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["database_url"] = psycopg_url(database_url)
    return config


def migrate(database_url: str) -> None:
    """Brings the database to the newest version. If several processes do so at once, they wait for each other."""
    command.upgrade(alembic_config(database_url), "head")
