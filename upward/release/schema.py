"""A release works once the database has its newest migration. Until then its processes wait: their probes say so, and
nothing is served or done, while those of the previous release go on."""

import asyncio
import contextlib
from functools import cache
from pathlib import Path

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.database import Database
from shared.health import Missing, database_check
from shared.http.problems import not_available, not_ready

log = structlog.get_logger(__name__)
VERSIONS = Path(__file__).parent.parent.parent / "migrations" / "versions"
LOOK_SECONDS = 1.0
WAITED_FOR = {"database", "database_schema"}
"""A database that takes no writes is not waited for, as it can be read."""


@cache
def newest_migration() -> str:
    """The newest migration of this release. The names of the files begin with their numbers."""
    return max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*_*.py"))


class Waiting:
    """An application that is served once the database has the newest migration. Before that, `/livez` is as ever,
    `/readyz` says what is missing, and everything else is answered 503."""

    def __init__(self, app: ASGIApp, database: Database) -> None:
        self._app = app
        self._check = database_check(database, newest_migration())
        self._missing: Missing | None = None

    async def look(self) -> None:
        """Looks once. It is done before anything is served, so that no request is refused for nothing."""
        before, found = self._missing, await self._check()
        self._missing = found if found is not None and found.code in WAITED_FOR else None
        if self._missing is not None and (before is None or before.code != self._missing.code):
            log.warning("schema.waited_for", missing=self._missing.code, needed=newest_migration())

    async def until_migrated(self, stop: asyncio.Event) -> None:
        """Returns once the database has the newest migration, or `stop` is set."""
        while self._missing is not None and not stop.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
            await self.look()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._missing is None or scope["type"] != "http" or scope["path"] == "/livez":
            await self._app(scope, receive, send)
        elif scope["path"] == "/readyz":
            await not_ready([self._missing.code], self._missing.detail)(scope, receive, send)
        else:
            await not_available("Upward is being upgraded; try again in a moment.")(scope, receive, send)
