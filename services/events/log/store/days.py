"""SQL of the log's days. Each has a partition, which is made ahead and dropped as a whole when its events are too old.

Making a partition takes no lock that readers notice: the table is created apart and then attached. Dropping one must
wait until nobody reads the log, and readers who come meanwhile wait behind it. Therefore it waits for a moment only and
then gives up.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Date, cast, delete, exists, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Consumer, Event, LogDay, OrganizationDay, Undispatchable

DAYS_LOCK = 0x7570_7761_7264_0003
RETENTION_LOCK = 0x7570_7761_7264_0004
LOCK_TIMEOUT = "500ms"
HOLDING_BACK = ("dispatcher", "fanout")
"""The consumers that must have passed an event before it may be dropped. Other consumers are told when they come too
late."""
TODAY = text(
    """
    select day, coalesce(day = last, false), to_regclass('events.event_' || to_char(day, 'YYYY_MM_DD')) is not null
    from (
        select last, greatest(last, coalesce(cast(:today as date), cast(timezone('utc', now()) as date))) as day
        from (select max(day) as last from events.log_day) as kept
    ) as today
    """
)
"""It is text, as it is asked dozens of times a second while events come."""


class Today(NamedTuple):
    """The day of the events that are sequenced now."""

    day: date
    begun: bool
    """Whether there are events of this day already."""
    has_partition: bool


def partition_of(day: date) -> str:
    """The name of a day's table, in the schema `events`."""
    return f"event_{day:%Y_%m_%d}"


async def read_today(session: AsyncSession, today: date | None = None) -> Today:
    """The log's present day: `today`, or the date of the database's clock in UTC, or the log's last day if that is
    later."""
    return Today(*(await session.execute(TODAY, {"today": today})).one())


async def begin_day(session: AsyncSession, day: date) -> None:
    """Records that positions drawn from now on belong to this day. Needs the sequencer's lock."""
    drawn = text("select case when is_called then last_value else 0 end from events.event_position")
    await session.execute(insert(LogDay).values(day=day, after_position=await session.scalar(drawn)))


async def make_partition(session: AsyncSession, day: date) -> bool:
    """Makes the day's partition if it does not exist, and returns whether it was made."""
    name = partition_of(day)
    await session.execute(select(func.set_config("lock_timeout", LOCK_TIMEOUT, literal(True))))
    await session.execute(select(func.pg_advisory_xact_lock(DAYS_LOCK)))
    if await session.scalar(select(func.to_regclass(f"events.{name}").is_not(None))):
        return False
    await session.execute(text(f"create table events.{name} (like events.event including all)"))
    bounds = f"from ('{day}') to (date '{day}' + 1)"
    await session.execute(text(f"alter table events.event attach partition events.{name} for values {bounds}"))
    return True


async def lock_retention(session: AsyncSession) -> bool:
    """Whether this transaction may make and drop days. False while another one does."""
    return bool(await session.scalar(select(func.pg_try_advisory_xact_lock(RETENTION_LOCK))))


async def read_clock(session: AsyncSession) -> date:
    """The date of the database's clock, in UTC."""
    found: date = (await session.scalars(select(cast(func.timezone("utc", func.now()), Date)))).one()
    return found


async def read_partitions(session: AsyncSession) -> Sequence[date]:
    """The days that have a partition, oldest first."""
    names = text("select inhrelid::regclass::text from pg_inherits where inhparent = 'events.event'::regclass")
    days = [name.removeprefix("events.event_").split("_") for name in await session.scalars(names)]
    return sorted(date(*map(int, parts)) for parts in days)


async def is_held_back(session: AsyncSession, day: date) -> bool:
    """Whether one of the consumers in `HOLDING_BACK` has yet to read events of this day, or an event of it is set
    aside."""
    passed = select(func.min(Consumer.position)).where(Consumer.name.in_(HOLDING_BACK)).scalar_subquery()
    waiting = select(Undispatchable.position).where(Undispatchable.retry_at.is_not(None))
    needed = (Event.position > passed) | Event.position.in_(waiting)
    return bool(await session.scalar(select(exists().where(Event.day == day, needed))))


async def drop_partition(session: AsyncSession, day: date) -> None:
    """Drops the oldest day and its rows in the other tables. Raises OperationalError if readers hold it for too
    long."""
    await session.execute(select(func.set_config("lock_timeout", LOCK_TIMEOUT, literal(True))))
    await session.execute(text(f"drop table events.{partition_of(day)}"))
    await session.execute(delete(LogDay).where(LogDay.day <= day))
    await session.execute(delete(OrganizationDay).where(OrganizationDay.day <= day))
