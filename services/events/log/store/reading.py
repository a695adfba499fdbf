"""SQL of the log's readers. The other modules of this folder write the log.

The feed reads one organization at a time. Consumers with a cursor, such as the dispatcher, read all organizations at
once; each event then comes with its organization.

Every reader first looks up the day from which on it needs events, and passes that day as a value, so that Postgres does
not even plan for earlier partitions. It orders by day and then by sequence (or position). That is the order of
sequences alone, as days never go back. So Postgres reads one partition after the other and stops when it has enough.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Date,
    Integer,
    String,
    Uuid,
    and_,
    any_,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Event, Log, OrganizationDay, OrganizationHead
from shared.contracts.events import EventRecord
from shared.database import Database

DISPATCHER_LOCK = 0x7570_7761_7264_0002
PUBLISHER_LOCK = 0x7570_7761_7264_6E61
EXTENT = text(
    """
    select log.epoch, coalesce(head.last_sequence, 0), coalesce(
        (select first_sequence from events.organization_day
         where organization_id = :organization_id order by day limit 1),
        coalesce(head.last_sequence, 0) + 1
    ), (
        select day from events.organization_day
        where organization_id = :organization_id and first_sequence - 1 <= :after order by day desc limit 1
    )
    from events.log left join events.organization_head as head on head.organization_id = :organization_id
    """
)
CURSOR = text(
    """
    select cursor.position, cursor.position < drawn.last_value, coalesce(
        (select day from events.log_day where after_position <= cursor.position order by day desc limit 1),
        (select min(day) from events.log_day)
    ), (
        select max(day) from events.log_day
    )
    from events.event_position as drawn, (
        select coalesce((select position from events.consumer where name = :consumer), 0) as position
    ) as cursor
    """
)
"""`EXTENT` and `CURSOR` are asked many times a second while nothing happens. As text they cost half as much."""
SEQUENCES = text(
    """
    select log.epoch, head.organization_id, head.last_sequence
    from events.log left join events.organization_head as head on head.organization_id = any(:organization_ids)
    """
).bindparams(bindparam("organization_ids", type_=ARRAY(Uuid)))
HEADS = select(OrganizationHead.organization_id, OrganizationHead.last_sequence, OrganizationHead.digest).where(
    OrganizationHead.organization_id == any_(bindparam("organization_ids", type_=ARRAY(Uuid)))
)
MOVE_CURSOR = text(
    """
    insert into events.consumer (name, position) values (:name, :position)
    on conflict (name) do update set position = excluded.position
    """
)
MOVE_CURSOR_ON = text(
    """
    insert into events.consumer as cursor (name, position)
    select :name, :position
    where :before = 0 or exists (select from events.consumer where name = :name and position = :before)
    on conflict (name) do update set position = excluded.position where cursor.position = :before
    returning position
    """
).bindparams(
    bindparam("name", type_=String), bindparam("before", type_=BigInteger), bindparam("position", type_=BigInteger)
)


AFTER_CURSOR = and_(
    Event.position > bindparam("after", type_=BigInteger),
    Event.day.between(bindparam("from_day", type_=Date), bindparam("last_day", type_=Date)),
)
"""The condition takes the fields of an `UnreadRange` as its parameters."""
UNREAD = select(Event).where(AFTER_CURSOR).order_by(Event.day, Event.position).limit(bindparam("limit", type_=Integer))
UNREAD_TYPES = (
    select(Event.day, Event.position, Event.type, Event.version)
    .where(AFTER_CURSOR)
    .order_by(Event.day, Event.position)
    .limit(bindparam("limit", type_=Integer))
)
AT_POSITIONS = select(Event).where(
    Event.day.between(bindparam("first_day", type_=Date), bindparam("last_day", type_=Date)),
    Event.position == any_(bindparam("positions", type_=ARRAY(BigInteger))),
)


class Head(NamedTuple):
    """The last sequence of an organization's events, and the digest after that event."""

    sequence: int
    digest: bytes


class Extent(NamedTuple):
    """Which of an organization's events are kept."""

    epoch: UUID
    """The epoch of the whole log."""
    last: int
    """0 before the first event."""
    oldest: int
    """The first sequence that is kept; `last` + 1 when none is."""
    from_day: date | None
    """No event after the sequence that was asked for has an earlier day."""


class UnreadRange(NamedTuple):
    """Where the events are that a consumer has yet to read."""

    after: int
    """The last position that it has read."""
    from_day: date
    last_day: date


class EventBrief(NamedTuple):
    """An event's type and version, and its position among the events of all organizations."""

    day: date
    position: int
    type: str
    version: int


class Positioned(NamedTuple):
    """An event and its position among the events of all organizations."""

    position: int
    event: EventRecord


async def read_heads(session: AsyncSession, organization_ids: Collection[UUID]) -> dict[UUID, Head]:
    """The heads of these organizations; those without events are left out."""
    rows = await session.execute(HEADS, {"organization_ids": list(organization_ids)})
    return {row.organization_id: Head(row.last_sequence, row.digest) for row in rows}


async def read_head(session: AsyncSession, organization_id: UUID) -> Head | None:
    """The organization's head; None before its first event."""
    return (await read_heads(session, [organization_id])).get(organization_id)


async def read_sequences(session: AsyncSession, organization_ids: Collection[UUID]) -> tuple[UUID, dict[UUID, int]]:
    """The epoch of the whole log, and the last sequences of these organizations. Those without events are left out."""
    rows = (await session.execute(SEQUENCES, {"organization_ids": list(organization_ids)})).all()
    return rows[0].epoch, {row.organization_id: row.last_sequence for row in rows if row.organization_id is not None}


async def read_epoch(session: AsyncSession) -> UUID:
    """The epoch of the whole log."""
    return (await session.scalars(select(Log.epoch))).one()


async def read_extent(session: AsyncSession, organization_id: UUID, after: int) -> Extent:
    """Which of the organization's events are kept, and from which day on to look for those after a sequence."""
    return Extent(*(await session.execute(EXTENT, {"organization_id": organization_id, "after": after})).one())


async def read_digest(session: AsyncSession, organization_id: UUID, sequence: int) -> bytes | None:
    """The digest after the event of this sequence; None if it is not kept. Of dropped events only the last one's digest
    is kept, the one before the oldest event."""
    days = select(OrganizationDay).where(OrganizationDay.organization_id == organization_id)
    of = await session.scalar(
        days.where(OrganizationDay.first_sequence <= sequence).order_by(OrganizationDay.day.desc()).limit(1)
    )
    kept = None if of is None else await session.get(Event, (organization_id, of.day, sequence))
    if kept is not None:
        return kept.digest
    next = await session.scalar(days.where(OrganizationDay.first_sequence - 1 == sequence))
    return None if next is None else next.digest_before


async def read_feed(
    session: AsyncSession,
    organization_id: UUID,
    after: int,
    limit: int,
    types: Collection[str] = (),
    *,
    up_to: int | None = None,
    from_day: date | None = None,
) -> list[EventRecord]:
    """The organization's events after a sequence, in order: only of `types` and only up to the sequence `up_to`, if
    these are given.

    `from_day` comes from `read_extent`. Without it every partition is read.
    """
    query = select(Event).where(Event.organization_id == organization_id, Event.sequence > after)
    if from_day is not None:
        query = query.where(Event.day >= from_day)
    if up_to is not None:
        query = query.where(Event.sequence <= up_to)
    if types:
        query = query.where(Event.type.in_(types))
    return [record_of(row) for row in await session.scalars(query.order_by(Event.day, Event.sequence).limit(limit))]


async def read_cycle_events(
    session: AsyncSession,
    organization_id: UUID,
    cycle_id: UUID,
    types: Collection[str],
    before: int | None,
    limit: int,
) -> list[EventRecord]:
    """The events of one cycle, newest first: only of `types` and only before a sequence, if these are given."""
    cycle = Event.data.op("->>")(literal_column("'cycle_id'"))  # written as its index has it
    query = select(Event).where(Event.organization_id == organization_id, cycle == str(cycle_id))
    if before is not None:
        query = query.where(Event.sequence < before)
    if types:
        query = query.where(Event.type.in_(types))
    newest_first = query.order_by(Event.day.desc(), Event.sequence.desc()).limit(limit)
    return [record_of(row) for row in await session.scalars(newest_first)]


@asynccontextmanager
async def only_reader(database: Database, lock: int) -> AsyncIterator[AsyncSession | None]:
    """A session for the one reader of the log that may work under this lock; None while another reader holds the lock.

    The lock belongs to the session's own connection, and ends with it: when Postgres notices that it was closed, a
    moment after the end of the block, or that the process died (of a vanished machine within half a minute). A reader
    that has lost its connection cannot move the cursor any more, as it moves the cursor through that connection.
    """
    async with database.engine.connect() as connection:
        if not await connection.scalar(select(func.pg_try_advisory_lock(lock))):
            yield None
            return
        try:
            keepalives = {"tcp_keepalives_idle": "15", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
            await connection.execute(select(*(func.set_config(*one, literal(False)) for one in keepalives.items())))
            await connection.commit()
            async with AsyncSession(bind=connection, expire_on_commit=False) as session:
                yield session
        finally:
            await connection.invalidate()  # closed, not pooled: the lock must not outlive the block


def only_dispatcher(database: Database) -> AbstractAsyncContextManager[AsyncSession | None]:
    """A session for the one dispatcher that may work now, in the way of `only_reader`."""
    return only_reader(database, DISPATCHER_LOCK)


async def find_unread(session: AsyncSession, consumer: str) -> UnreadRange | None:
    """Where the events of all organizations are that the consumer has yet to read; None when there can be none. Their
    order is that of days, then of positions. A consumer without a cursor begins with the oldest event."""
    position, may_have, from_day, last_day = (await session.execute(CURSOR, {"consumer": consumer})).one()
    return UnreadRange(position, from_day, last_day) if may_have and from_day is not None else None


async def read_unread(session: AsyncSession, consumer: str, limit: int) -> Sequence[Positioned]:
    """The events of all organizations after the consumer's cursor, in order; without a cursor, from the beginning."""
    unread = await find_unread(session, consumer)
    return [] if unread is None else await read_range(session, unread, limit)


async def read_range(session: AsyncSession, unread: UnreadRange, limit: int) -> Sequence[Positioned]:
    """The first events of the range, in order."""
    rows = await session.scalars(UNREAD, {**unread._asdict(), "limit": limit})
    return [Positioned(row.position, record_of(row)) for row in rows]


async def read_unread_types(session: AsyncSession, consumer: str, limit: int) -> Sequence[EventBrief]:
    """The same events, of each only what it is."""
    unread = await find_unread(session, consumer)
    if unread is None:
        return []
    return [EventBrief._make(row) for row in await session.execute(UNREAD_TYPES, {**unread._asdict(), "limit": limit})]


async def read_records(session: AsyncSession, found: Sequence[EventBrief]) -> dict[int, EventRecord]:
    """These events by their positions. `found` is in the log's order."""
    if not found:
        return {}
    given = {"first_day": found[0].day, "last_day": found[-1].day, "positions": [one.position for one in found]}
    return {row.position: lenient_record_of(row) for row in await session.scalars(AT_POSITIONS, given)}


async def move_cursor(session: AsyncSession, consumer: str, position: int) -> None:
    """Records that the consumer has dealt with all events up to a position."""
    await session.execute(MOVE_CURSOR, {"name": consumer, "position": position})


async def move_cursor_on(session: AsyncSession, consumer: str, before: int, position: int) -> bool:
    """Does the same if the cursor is still where it was, and says whether it was. 0 means that there is no cursor."""
    moved = await session.scalar(MOVE_CURSOR_ON, {"name": consumer, "before": before, "position": position})
    return moved is not None


def lenient_record_of(row: Event) -> EventRecord:
    """The record of a row. If a broken writer made the row, the record holds what the row holds, and only parsing its
    data fails."""
    try:
        return record_of(row)
    except ValidationError:
        return EventRecord.model_construct(**_fields(row))


def record_of(row: Event) -> EventRecord:
    return EventRecord(**_fields(row))


def _fields(row: Event) -> dict[str, Any]:
    return {
        "id": row.event_id,
        "organization_id": row.organization_id,
        "sequence": row.sequence,
        "type": row.type,
        "version": row.version,
        "subject": row.subject,
        "time": row.time,
        "data": row.data,
        "origin": row.origin,
    }
