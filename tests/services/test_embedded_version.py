"""The embedded Postgres is the version that its docstring names, and the one of the compose file."""

import re
from pathlib import Path

from sqlalchemy import text

from shared.database import Database
from upward.embedded import POSTGRES_VERSION, EmbeddedPostgres


async def test_the_embedded_postgres_is_the_version_that_is_said(database: Database) -> None:
    async with database.transaction() as session:
        running = str(await session.scalar(text("show server_version")))
    assert running.split(".")[0] == str(POSTGRES_VERSION)
    assert f"Postgres {POSTGRES_VERSION} " in (EmbeddedPostgres.__doc__ or "")
    compose = (Path(__file__).parents[2] / "docker-compose.yml").read_text()
    assert set(re.findall(r"image: .*-postgres:(\d+)}", compose)) == {str(POSTGRES_VERSION)}
