"""What intake deletes when its time is over."""

import asyncio
from contextlib import suppress

import structlog

from services.intake.store import uploads
from shared.database import Database

log = structlog.get_logger(__name__)
PURGE_SECONDS = 60.0
"""A file is gone at most so long after its hour."""


async def purge(database: Database) -> int:
    """Deletes what is kept of files whose hour is over, and says of how many."""
    async with database.transaction() as session:
        dropped = await uploads.drop_expired(session)
    if dropped:
        log.info("uploads.purged", count=dropped)
    return dropped


async def keep_purging(database: Database, stop: asyncio.Event) -> None:
    """Purges again and again until `stop` is set. Any number of processes may do so. If the database is away, the next
    time makes up for it."""
    while not stop.is_set():
        try:
            await purge(database)
        except Exception as error:
            log.warning("uploads.not_purged", error=type(error).__name__)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PURGE_SECONDS)
