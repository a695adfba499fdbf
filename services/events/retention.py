"""Retention: the log's next days are made, days that are too old are dropped, and old deliveries are deleted.

Any number of processes may run it. Each step is a transaction of its own and works in one process at a time. It may be
interrupted and repeated at any point.

A day is dropped as a whole, with the events of all organizations, once it is older than the retention *and* Upward's
own consumers have passed its last event. If Temporal is away for months, the log grows, and no event is lost to a
workflow.
"""

from datetime import date, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.store import days as days_store
from services.events.webhooks.store import attempts, fan_out
from shared.database import Database

log = structlog.get_logger(__name__)
OVERDUE_MINUTES = 10
"""When a delivery has been due for this long, its endpoint's workflow is slow or was ended by somebody. It is called
again."""
DAYS_AHEAD = 7
"""Partitions are made this many days ahead. If retention does not run for longer, the sequencer makes them itself."""


class DaysChanged(NamedTuple):
    """How many of the log's days were made and dropped."""

    made: int = 0
    dropped: int = 0


async def apply_retention(database: Database, retention_days: int, *, today: date | None = None) -> DaysChanged:
    """Runs retention once. `today` is the date of the database's clock, in UTC, if it is not given."""
    await purge_deliveries(database)
    return await change_days(database, retention_days, today)


async def purge_deliveries(database: Database) -> None:
    """Deletes deliveries and attempts that are too old, and calls the endpoints whose deliveries are overdue."""
    more = True
    while more:
        async with database.transaction() as session:
            more = await attempts.purge(session) >= attempts.PAGE
    async with database.transaction() as session:
        if called := await fan_out.call_overdue(session, OVERDUE_MINUTES):
            log.warning("endpoints.overdue", count=called)


async def change_days(database: Database, retention_days: int, today: date | None = None) -> DaysChanged:
    """Makes the partitions of the next days, and drops each day whose events are all at least `retention_days` old."""
    async with database.transaction() as session:
        if not await days_store.lock_retention(session):
            return DaysChanged()
        today = today or await days_store.read_clock(session)
        made = await _make(session, today)
        partitions = await days_store.read_partitions(session)
    dropped = 0
    for day in partitions:
        if day >= today - timedelta(days=retention_days) or not await _drop(database, day):
            break
        dropped += 1
    if made or dropped:
        log.info("retention.applied", days_made=made, days_dropped=dropped)
    return DaysChanged(made, dropped)


async def _make(session: AsyncSession, today: date) -> int:
    days = [today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)]
    return sum([await days_store.make_partition(session, day) for day in days])


async def _drop(database: Database, day: date) -> bool:
    """Whether the day is gone. If it is not, the next run tries again."""
    try:
        async with database.transaction() as session:
            if not await days_store.lock_retention(session):
                return False
            if day not in await days_store.read_partitions(session):
                return True
            if await days_store.is_held_back(session, day):
                log.warning("log.held_back", day=day.isoformat())
                return False
            await days_store.drop_partition(session, day)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != "55P03":  # lock_not_available
            raise
        log.info("log.busy", day=day.isoformat())
        return False
    return True
