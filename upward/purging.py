"""Deleting what is over, in the process of the relay: files that waited to be imported, every minute, and everything
else that has an age, once a day. Any number of processes may do so. What was not deleted is deleted by the next run."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import structlog

import services.accounts.retention
import services.intake.retention
import services.matching.runs.retention
import services.notifications.retention
import shared.rounds.retention
from shared.config import Settings
from shared.database import Database
from shared.retention import Ages

log = structlog.get_logger(__name__)
SOON_SECONDS = 60.0
"""A file is gone at most so long after its hour."""
DAY_SECONDS = 86_400.0
PURGES: tuple[Callable[[Database, Ages], Awaitable[dict[str, int]]], ...] = (
    services.accounts.retention.purge,
    services.intake.retention.purge,
    services.notifications.retention.purge,
    services.matching.runs.retention.purge,
    shared.rounds.retention.purge,
)


async def keep_purging(database: Database, settings: Settings, stop: asyncio.Event) -> None:
    """Purges again and again until `stop` is set."""
    ages = Ages(history=timedelta(days=settings.history_days))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_repeat(lambda: services.intake.retention.purge_soon(database), SOON_SECONDS, stop))
        tasks.create_task(_repeat(lambda: purge_all(database, ages), DAY_SECONDS, stop))


async def purge_all(database: Database, ages: Ages) -> dict[str, int]:
    """Deletes what is over, and says how many rows of each kind that were. A kind that fails keeps no other from its
    turn."""
    deleted: dict[str, int] = {}
    for purge in PURGES:
        try:
            deleted |= await purge(database, ages)
        except Exception as error:
            log.warning("purge.failed", purge=purge.__module__, error=type(error).__name__)
    if any(deleted.values()):
        log.info("history.purged", **deleted)
    return deleted


async def _repeat(work: Callable[[], Awaitable[object]], seconds: float, stop: asyncio.Event) -> None:
    """If the database is away, the next time makes up for it."""
    while not stop.is_set():
        try:
            await work()
        except Exception as error:
            log.warning("purge.failed", error=type(error).__name__)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()
