"""All SQL of the event log.

The feed reads one organization at a time. The sequencer's and the dispatcher's statements serve all organizations at
once, by their nature; they hand on each event's organization with it.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
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


class Head(NamedTuple):
    """How far an organization's events have come."""

    sequence: int
    digest: bytes


class Chained(NamedTuple):
    """An event and the digest of its organization's events up to it."""

    event: EventRecord
    digest: bytes


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


async def take_staged(session: AsyncSession, limit: int) -> Sequence[StagedEvent]:
    """Takes the oldest staged events out of the staging table, in id order. Needs the lock; `append` must follow.

    It must be a statement of its own, after the one that took the lock: its snapshot then shows all that the holder
    before us committed.
    """
    oldest = select(StagedEvent.id).order_by(StagedEvent.id).limit(limit)
    taken = await session.scalars(delete(StagedEvent).where(StagedEvent.id.in_(oldest)).returning(StagedEvent))
    return sorted(taken, key=lambda staged: staged.id)


async def read_heads(session: AsyncSession, organization_ids: Collection[UUID]) -> dict[UUID, Head]:
    """How far the events of these organizations have come; those without events are left out."""
    rows = await session.execute(
        select(OrganizationHead.organization_id, OrganizationHead.last_sequence, OrganizationHead.digest).where(
            OrganizationHead.organization_id.in_(organization_ids)
        )
    )
    return {row.organization_id: Head(row.last_sequence, row.digest) for row in rows}


async def append(session: AsyncSession, events: Sequence[Chained], heads: Mapping[UUID, Head]) -> None:
    """Appends events to the log, in this order, and raises the heads of their organizations. Needs the lock."""
    rows = [
        {"event_id" if name == "id" else name: value for name, value in event} | {"digest": digest}
        for event, digest in events
    ]
    await session.execute(insert(Event), rows)  # row by row: positions follow the order given
    raised = insert(OrganizationHead)
    await session.execute(
        raised.on_conflict_do_update(
            index_elements=[OrganizationHead.organization_id],
            set_={"last_sequence": raised.excluded.last_sequence, "digest": raised.excluded.digest},
        ),
        [
            {"organization_id": organization_id, "last_sequence": head.sequence, "digest": head.digest}
            for organization_id, head in heads.items()
        ],
    )


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
