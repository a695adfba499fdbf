"""The fan-out's SQL: from the log to the deliveries of each endpoint, for all organizations at once."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, and_, any_, cast, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.deliveries import DrainState
from services.events.models import Event
from services.events.models_endpoints import Backfill, DeliveryRow, EndpointRow, Lane
from services.events.store import move_cursor, unread_by
from services.events.store_calls import notify_called
from shared.contracts.endpoints import EndpointRef, EndpointState
from shared.contracts.events import EndpointTested

FANOUT_LOCK = 0x7570_7761_7264_0005
CONSUMER = "fanout"
COPIED = ["organization_id", "endpoint_id", "sequence", "day", "event_id", "type", "subject"]


class Called(NamedTuple):
    """An endpoint whose workflow is to be told that there is something to send."""

    endpoint: EndpointRef
    calls: int
    """Tells this call from a later one."""


async def lock_fanout(session: AsyncSession) -> None:
    """Waits until no fan-out is under way and keeps others away until the transaction ends: between two batches it is
    certain which events an endpoint has got."""
    await session.execute(select(func.pg_advisory_xact_lock(FANOUT_LOCK)))


async def try_lock_fanout(session: AsyncSession) -> bool:
    """The same, without waiting."""
    return bool(await session.scalar(select(func.pg_try_advisory_xact_lock(FANOUT_LOCK))))


async def has_work(session: AsyncSession) -> bool:
    """Whether there may be an event to fan out, or an endpoint to call."""
    called = select(select(EndpointRow.id).where(EndpointRow.drain_state == DrainState.CALLED).exists())
    return await unread_by(session, CONSUMER) is not None or bool(await session.scalar(called))


async def fan_out(session: AsyncSession, limit: int) -> int:
    """Gives each endpoint a delivery of each of the next events that it chose; says how many events were looked at.
    Needs the lock."""
    unread = await unread_by(session, CONSUMER)
    if unread is None:
        return 0
    found = select(Event.day, Event.position).where(unread).order_by(Event.day, Event.position).limit(limit)
    batch = (await session.execute(found)).all()
    if not batch:
        return 0
    (first_day, first), (last_day, last) = batch[0], batch[-1]
    within = and_(Event.day.between(first_day, last_day), Event.position.between(first, last))
    endpoint_ids = await _lock_receivers(session, within)
    if endpoint_ids:
        await _add_deliveries(session, within, endpoint_ids)
        await _note_reached(session, within, endpoint_ids)
        await call(session, endpoint_ids)
    await move_cursor(session, CONSUMER, last)
    return len(batch)


async def call(session: AsyncSession, endpoint_ids: Collection[UUID]) -> None:
    """Asks for a drain of these endpoints; those that are being drained hear of it at once. Needs their rows locked."""
    await session.execute(
        update(EndpointRow)
        .where(EndpointRow.id.in_(endpoint_ids), EndpointRow.drain_state == DrainState.IDLE)
        .values(drain_state=DrainState.CALLED, calls=EndpointRow.calls + 1)
    )
    await notify_called(session, endpoint_ids)


async def read_called(session: AsyncSession, limit: int) -> Sequence[Called]:
    found = select(EndpointRow.organization_id, EndpointRow.id, EndpointRow.calls)
    rows = await session.execute(
        found.where(EndpointRow.drain_state == DrainState.CALLED).order_by(EndpointRow.id).limit(limit)
    )
    return [Called(EndpointRef(organization_id=row.organization_id, endpoint_id=row.id), row.calls) for row in rows]


async def note_told(session: AsyncSession, told: Sequence[Called]) -> None:
    """Notes that the workflows of these endpoints were told. Those that have drained since, or were called anew, stay
    as they are."""
    keys = [(called.endpoint.organization_id, called.endpoint.endpoint_id, called.calls) for called in told]
    wanted = tuple_(EndpointRow.organization_id, EndpointRow.id, EndpointRow.calls).in_(keys)
    ids = await _lock(session, wanted, EndpointRow.drain_state == DrainState.CALLED)
    await session.execute(update(EndpointRow).where(EndpointRow.id.in_(ids)).values(drain_state=DrainState.DRAINING))


async def call_overdue(session: AsyncSession, minutes: int) -> int:
    """Calls again the endpoints whose workflow should have sent something that long ago, or has events of the past to
    fill in: somebody may have ended it.
    To tell a workflow too often does no harm."""
    overdue = select(Lane.endpoint_id).where(
        Lane.endpoint_id == EndpointRow.id, Lane.due_at < func.now() - func.make_interval(0, 0, 0, 0, 0, minutes)
    )
    unfilled = select(Backfill.id).where(Backfill.endpoint_id == EndpointRow.id)
    asleep = (EndpointRow.state == EndpointState.ENABLED, EndpointRow.drain_state != DrainState.CALLED)
    ids = await _lock(session, *asleep, or_(overdue.exists(), unfilled.exists()))
    await session.execute(
        update(EndpointRow)
        .where(EndpointRow.id.in_(ids))
        .values(drain_state=DrainState.CALLED, calls=EndpointRow.calls + 1)
    )
    return len(ids)


def copied_events() -> Select[UUID, UUID, int, date, UUID, str, str]:
    """The columns `COPIED` of events for the endpoints that chose them."""
    endpoint_id = EndpointRow.id.label("endpoint_id")
    of_event = (Event.sequence, Event.day, Event.event_id, Event.type, Event.subject)
    return select(Event.organization_id, endpoint_id, *of_event).join_from(Event, EndpointRow, chosen())


def chosen() -> ColumnElement[bool]:
    """Whether an endpoint's types choose an event. Its own test always reaches it, and no other endpoint."""
    own = Event.subject == func.concat("endpoint/", cast(EndpointRow.id, String))
    types = or_(func.cardinality(EndpointRow.types) == 0, Event.type == any_(EndpointRow.types))
    return and_(
        Event.organization_id == EndpointRow.organization_id,
        or_(and_(Event.type == EndpointTested.type, own), and_(Event.type != EndpointTested.type, types)),
    )


async def _lock_receivers(session: AsyncSession, within: ColumnElement[bool]) -> Sequence[UUID]:
    """The endpoints that get something, in id order."""
    receiving = select(Event.position).where(within, chosen(), Event.sequence > EndpointRow.reached_sequence)
    return await _lock(session, EndpointRow.state == EndpointState.ENABLED, receiving.exists())


async def _lock(session: AsyncSession, *where: ColumnElement[bool]) -> Sequence[UUID]:
    """Locks these endpoints' rows in id order, as whoever locks several does: two cannot wait for each other."""
    return (
        await session.scalars(select(EndpointRow.id).where(*where).order_by(EndpointRow.id).with_for_update())
    ).all()


async def _note_reached(session: AsyncSession, within: ColumnElement[bool], endpoint_ids: Sequence[UUID]) -> None:
    last = select(func.max(Event.sequence)).where(within, Event.organization_id == EndpointRow.organization_id)
    await session.execute(
        update(EndpointRow).where(EndpointRow.id.in_(endpoint_ids)).values(reached_sequence=last.scalar_subquery())
    )


async def _add_deliveries(session: AsyncSession, within: ColumnElement[bool], endpoint_ids: Sequence[UUID]) -> None:
    """Adds the deliveries, and a lane for each subject that waits for nothing yet."""
    events = copied_events()
    chosen_ones = events.where(within, EndpointRow.id.in_(endpoint_ids), Event.sequence > EndpointRow.reached_sequence)
    adding = insert(DeliveryRow).from_select(COPIED, chosen_ones).on_conflict_do_nothing()
    added = adding.returning(
        DeliveryRow.endpoint_id,
        DeliveryRow.subject,
        DeliveryRow.organization_id,
        DeliveryRow.sequence,
        DeliveryRow.due_at,
    ).cte("added")
    heads = select(
        added.c.endpoint_id,
        added.c.subject,
        added.c.organization_id,
        func.min(added.c.sequence).label("sequence"),
        func.min(added.c.due_at).label("due_at"),
    ).group_by(added.c.endpoint_id, added.c.subject, added.c.organization_id)
    columns = ["endpoint_id", "subject", "organization_id", "sequence", "due_at"]
    await session.execute(insert(Lane).from_select(columns, heads).on_conflict_do_nothing())
