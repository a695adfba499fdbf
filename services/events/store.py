"""All SQL of the event log.

The feed reads one organization at a time. The sequencer's and the dispatcher's statements serve all organizations at
once, by their nature; they hand on each event's organization with it.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, exists, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.models import Consumer, Event, OrganizationHead, Undispatchable
from shared.contracts.events import EventRecord
from shared.database import Database
from shared.events import StagedEvent

SEQUENCER_LOCK = 0x7570_7761_7264_0001
DISPATCHER_LOCK = 0x7570_7761_7264_0002


class Positioned(NamedTuple):
    """An event and its place among the events of all organizations."""

    position: int
    event: EventRecord


async def lock_sequencing(session: AsyncSession) -> bool:
    """Whether there is anything to sequence and this transaction may do it; one statement, no lock while idle.

    Should this process freeze while it holds the lock, Postgres ends its transaction after 30 s of silence.
    """
    locked = await session.scalar(
        select(
            func.pg_try_advisory_xact_lock(SEQUENCER_LOCK),
            func.set_config("idle_in_transaction_session_timeout", "30s", literal(True)),
        ).where(exists(select(StagedEvent.id)))
    )
    return bool(locked)


async def move_staged(session: AsyncSession, limit: int) -> int:
    """Moves staged events into the log, in id order, with their sequences; says how many. Needs the lock.

    It must be a statement of its own, after the one that took the lock: its snapshot then shows all that the holder
    before us committed.
    """
    oldest = select(StagedEvent.id).order_by(StagedEvent.id).limit(limit)
    moved = delete(StagedEvent).where(StagedEvent.id.in_(oldest)).returning(StagedEvent).cte("moved")
    place = func.row_number().over(partition_by=moved.c.organization_id, order_by=moved.c.id)
    numbered = (
        select(moved, (func.coalesce(OrganizationHead.last_sequence, 0) + place).label("sequence"))
        .outerjoin(OrganizationHead, OrganizationHead.organization_id == moved.c.organization_id)
        .cte("numbered")
    )
    reached = select(numbered.c.organization_id, func.max(numbered.c.sequence)).group_by(numbered.c.organization_id)
    heads = insert(OrganizationHead).from_select(["organization_id", "last_sequence"], reached)
    raised = heads.on_conflict_do_update(
        index_elements=[OrganizationHead.organization_id], set_={"last_sequence": heads.excluded.last_sequence}
    ).cte("raised")
    copied = ["organization_id", "sequence", "event_id", "type", "version", "subject", "time", "data"]
    # Postgres draws identity values in the order of an INSERT's sorted SELECT: positions follow the staged ids.
    ordered = select(*(numbered.c[name] for name in copied)).order_by(numbered.c.id)
    appended = insert(Event).from_select(copied, ordered).returning(Event.position).add_cte(raised)
    return len((await session.scalars(appended)).all())


async def read_feed(
    session: AsyncSession, organization_id: UUID, after: int, limit: int, types: Collection[str] = ()
) -> list[EventRecord]:
    """The organization's events after a sequence, in order; only those types when any are given."""
    query = select(Event).where(Event.organization_id == organization_id, Event.sequence > after)
    if types:
        query = query.where(Event.type.in_(types))
    return [_record(row) for row in await session.scalars(query.order_by(Event.sequence).limit(limit))]


@asynccontextmanager
async def only_dispatcher(database: Database) -> AsyncIterator[AsyncSession | None]:
    """A session for the one dispatcher that may work now; None while another one does.

    The lock belongs to the session's own connection. It ends with that connection: at the end of the block, or when
    the process dies (Postgres notices a vanished machine within half a minute). A dispatcher that lost its connection
    cannot move the cursor any more, as the cursor is moved through it.
    """
    async with database.engine.connect() as connection:
        if not await connection.scalar(select(func.pg_try_advisory_lock(DISPATCHER_LOCK))):
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


async def read_unread(session: AsyncSession, consumer: str, limit: int) -> Sequence[Positioned]:
    """The events of all organizations after the consumer's cursor, in order; without a cursor, from the beginning."""
    cursor = select(Consumer.position).where(Consumer.name == consumer).scalar_subquery()
    rows = await session.scalars(
        select(Event).where(Event.position > func.coalesce(cursor, 0)).order_by(Event.position).limit(limit)
    )
    return [Positioned(row.position, _record(row)) for row in rows]


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


def _record(row: Event) -> EventRecord:
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
