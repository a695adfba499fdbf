"""All SQL of the event log.

The feed reads one organization at a time. The sequencer's and the dispatcher's statements serve all organizations at
once, by their nature; they hand on each event's organization with it.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    LargeBinary,
    Uuid,
    any_,
    bindparam,
    column,
    delete,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert

from services.events.models import Consumer, Event, OrganizationHead, Undispatchable
from shared.contracts.events import EventRecord
from shared.database import Database
from shared.events import StagedEvent

SEQUENCER_LOCK = 0x7570_7761_7264_0001
DISPATCHER_LOCK = 0x7570_7761_7264_0002
PUBLISHER_LOCK = 0x7570_7761_7264_6E61


# A batch's statements are built once: building them anew took half of a small batch's time.
LOCK = select(
    func.pg_try_advisory_xact_lock(SEQUENCER_LOCK),
    func.set_config("idle_in_transaction_session_timeout", "30s", literal(True)),
).where(exists(select(StagedEvent.id)))


class Head(NamedTuple):
    """How far an organization's events have come."""

    sequence: int
    digest: bytes


class Staged(NamedTuple):
    """An event that waits for its position."""

    id: int
    event_id: UUID
    organization_id: UUID
    type: str
    version: int
    subject: str
    time: datetime
    data: dict[str, Any]


STAGED = (
    select(*(StagedEvent.__table__.c[name] for name in Staged._fields))
    .order_by(StagedEvent.id)
    .limit(bindparam("limit"))
)
HEADS = select(OrganizationHead.organization_id, OrganizationHead.last_sequence, OrganizationHead.digest).where(
    OrganizationHead.organization_id == any_(bindparam("organization_ids", type_=ARRAY(Uuid)))
)


class Positioned(NamedTuple):
    """An event and its place among the events of all organizations."""

    position: int
    event: EventRecord


async def lock_sequencing(session: AsyncSession) -> bool:
    """Whether there is anything to sequence and this transaction may do it; one statement, no lock while idle.

    Should this process freeze while it holds the lock, Postgres ends its transaction after 30 s of silence.
    """
    return bool(await (await session.connection()).scalar(LOCK))


async def read_staged(session: AsyncSession, limit: int) -> list[Staged]:
    """The oldest staged events, in id order. Needs the lock.

    It must be a statement of its own, after the one that took the lock: its snapshot then shows all that the holder
    before us committed.
    """
    found = await (await session.connection()).execute(STAGED, {"limit": limit})
    return [Staged(*row) for row in found]


async def read_heads(session: AsyncSession, organization_ids: Collection[UUID]) -> dict[UUID, Head]:
    """How far the events of these organizations have come; those without events are left out."""
    rows = await (await session.connection()).execute(HEADS, {"organization_ids": list(organization_ids)})
    return {row.organization_id: Head(row.last_sequence, row.digest) for row in rows}


async def move_staged(session: AsyncSession, digests: Mapping[int, bytes]) -> int:
    """Moves the staged events of these ids into the log, in id order, with their sequences and the digests given; says
    how many. Needs the lock, held since they were read."""
    values = {"ids": list(digests), "digests": list(digests.values())}
    return len((await (await session.connection()).execute(_moving(), values)).all())


@cache
def _moving() -> ReturningInsert[int]:
    """Moves the rows of the parameters `ids` with the parameters `digests`; returns a row for each."""
    given = (
        func.unnest(bindparam("ids", type_=ARRAY(BigInteger)), bindparam("digests", type_=ARRAY(LargeBinary)))
        .table_valued(column("id", BigInteger), column("digest", LargeBinary), name="given")
        .render_derived()
    )
    moved = delete(StagedEvent).where(StagedEvent.id == given.c.id).returning(StagedEvent, given.c.digest).cte("moved")
    place = func.row_number().over(partition_by=moved.c.organization_id, order_by=moved.c.id)
    numbered = (
        select(moved, (func.coalesce(OrganizationHead.last_sequence, 0) + place).label("sequence"))
        .outerjoin(OrganizationHead, OrganizationHead.organization_id == moved.c.organization_id)
        .cte("numbered")
    )
    reached = (
        select(numbered.c.organization_id, numbered.c.sequence, numbered.c.digest)
        .ext(distinct_on(numbered.c.organization_id))
        .order_by(numbered.c.organization_id, numbered.c.sequence.desc())
    )
    heads = insert(OrganizationHead).from_select(["organization_id", "last_sequence", "digest"], reached)
    raised = heads.on_conflict_do_update(
        index_elements=[OrganizationHead.organization_id],
        set_={"last_sequence": heads.excluded.last_sequence, "digest": heads.excluded.digest},
    ).cte("raised")
    copied = ["organization_id", "sequence", "event_id", "type", "version", "subject", "time", "data", "digest"]
    # Postgres draws identity values in the order of an INSERT's sorted SELECT: positions follow the staged ids.
    ordered = select(*(numbered.c[name] for name in copied)).order_by(numbered.c.id)
    return insert(Event).from_select(copied, ordered).returning(Event.position).add_cte(raised)


async def read_head(session: AsyncSession, organization_id: UUID) -> Head | None:
    """How far the organization's events have come; None before the first."""
    return (await read_heads(session, [organization_id])).get(organization_id)


async def read_digest(session: AsyncSession, organization_id: UUID, sequence: int) -> bytes | None:
    """The digest after that event; None if there is no such event."""
    return await session.scalar(
        select(Event.digest).where(Event.organization_id == organization_id, Event.sequence == sequence)
    )


async def read_feed(
    session: AsyncSession,
    organization_id: UUID,
    after: int,
    limit: int,
    types: Collection[str] = (),
    *,
    up_to: int | None = None,
) -> list[EventRecord]:
    """The organization's events after a sequence, in order; only those types, and up to a sequence, when given."""
    query = select(Event).where(Event.organization_id == organization_id, Event.sequence > after)
    if up_to is not None:
        query = query.where(Event.sequence <= up_to)
    if types:
        query = query.where(Event.type.in_(types))
    return [record_of(row) for row in await session.scalars(query.order_by(Event.sequence).limit(limit))]


@asynccontextmanager
async def only_reader(database: Database, lock: int) -> AsyncIterator[AsyncSession | None]:
    """A session for the one reader of the log that may work under this lock now; None while another one does.

    The lock belongs to the session's own connection. It ends with that connection: at the end of the block, or when
    the process dies (Postgres notices a vanished machine within half a minute). A reader that lost its connection
    cannot move the cursor any more, as the cursor is moved through it.
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
    """A session for the one dispatcher that may work now, as by `only_reader`."""
    return only_reader(database, DISPATCHER_LOCK)


async def read_unread(session: AsyncSession, consumer: str, limit: int) -> Sequence[Positioned]:
    """The events of all organizations after the consumer's cursor, in order; without a cursor, from the beginning."""
    cursor = select(Consumer.position).where(Consumer.name == consumer).scalar_subquery()
    rows = await session.scalars(
        select(Event).where(Event.position > func.coalesce(cursor, 0)).order_by(Event.position).limit(limit)
    )
    return [Positioned(row.position, record_of(row)) for row in rows]


async def move_cursor(session: AsyncSession, consumer: str, position: int) -> None:
    """Notes that the consumer has dealt with all events up to a position."""
    moved = insert(Consumer).values(name=consumer, position=position)
    await session.execute(
        moved.on_conflict_do_update(index_elements=[Consumer.name], set_={"position": moved.excluded.position})
    )


async def record_undispatchable(session: AsyncSession, found: Positioned, reason: str) -> None:
    """Notes an event that was left out; a repeat changes nothing."""
    await session.execute(
        insert(Undispatchable)
        .values(
            event_id=found.event.id,
            organization_id=found.event.organization_id,
            position=found.position,
            reason=reason,
        )
        .on_conflict_do_nothing()
    )


def record_of(row: Event) -> EventRecord:
    return EventRecord(
        id=row.event_id,
        organization_id=row.organization_id,
        sequence=row.sequence,
        type=row.type,
        version=row.version,
        subject=row.subject,
        time=row.time,
        data=row.data,
    )
