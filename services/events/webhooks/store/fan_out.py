"""The fan-out's SQL: events of the log become deliveries of each endpoint, for all organizations at once.

Statements that every batch needs are built once, as building one costs more than sending it.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Date,
    FromClause,
    Integer,
    Select,
    String,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Event
from services.events.log.store.reading import AFTER_CURSOR, find_unread, move_cursor
from services.events.webhooks.models import Backfill, DeliveryRow, EndpointRow, SubjectQueue
from services.events.webhooks.rules.delivery import DrainState
from services.events.webhooks.store.wake_ups import notify_drains
from shared.contracts.endpoints import EndpointRef, EndpointState
from shared.contracts.events import EndpointTested

FANOUT_LOCK = 0x7570_7761_7264_0005
CONSUMER = "fanout"
COPIED = ["organization_id", "endpoint_id", "sequence", "day", "event_id", "type", "subject"]


class Called(NamedTuple):
    """An endpoint that is marked: its workflow is to be called, as there is something to send."""

    endpoint: EndpointRef
    calls: int
    """It distinguishes this call from a later one."""


class Batch(NamedTuple):
    """The events from one position to another. The condition `WITHIN` takes the fields as its parameters."""

    first_day: date
    last_day: date
    first: int
    last: int


WITHIN = and_(
    Event.day.between(bindparam("first_day", type_=Date), bindparam("last_day", type_=Date)),
    Event.position.between(bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)),
)
BATCH = (
    select(Event.organization_id, Event.sequence, Event.day, Event.event_id, Event.type, Event.subject)
    .where(WITHIN)
    .cte("batch")
    .prefix_with("materialized")
)
"""The batch is read by its positions and materialized. Otherwise Postgres, which has no statistics of a day that has
just begun, would read all events that an organization has of that day."""
ENDPOINT_IDS = bindparam("endpoint_ids", type_=ARRAY(Uuid))


def copied_events(events: FromClause) -> Select[*tuple[Any, ...]]:
    """The columns `COPIED` of events, for each endpoint that chose them."""
    endpoint_id = EndpointRow.id.label("endpoint_id")
    of_event = (events.c[name] for name in ("sequence", "day", "event_id", "type", "subject"))
    copied = select(events.c.organization_id, endpoint_id, *of_event)
    return copied.select_from(events).join(EndpointRow, chosen(events))


def chosen(events: FromClause) -> ColumnElement[bool]:
    """The condition that an endpoint's types choose an event. An `endpoint.tested` reaches its own endpoint, whatever
    that chose, and no other."""
    type, tested = events.c.type, EndpointTested.type
    own = events.c.subject == func.concat("endpoint/", cast(EndpointRow.id, String))
    types = or_(func.cardinality(EndpointRow.types) == 0, type == any_(EndpointRow.types))
    return and_(
        events.c.organization_id == EndpointRow.organization_id,
        or_(and_(type == tested, own), and_(type != tested, types)),
    )


def _adding() -> Insert:
    """The statement that adds the deliveries of a batch, and a queue for each subject that has none yet."""
    unreached = (EndpointRow.id == any_(ENDPOINT_IDS), BATCH.c.sequence > EndpointRow.reached_sequence)
    adding = insert(DeliveryRow).from_select(COPIED, copied_events(BATCH).where(*unreached)).on_conflict_do_nothing()
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
    queues = insert(SubjectQueue).from_select(columns, heads).on_conflict_do_nothing()
    return queues.execution_options(dml_strategy="raw")


def _next_batch() -> Select[int, date, date, int, int]:
    """The statement that reads how many events come next, and their `Batch`."""
    next = select(Event.day, Event.position).where(AFTER_CURSOR).order_by(Event.day, Event.position)
    of = next.limit(bindparam("limit", type_=Integer)).subquery()
    bounds = (func.min(of.c.day), func.max(of.c.day), func.min(of.c.position), func.max(of.c.position))
    return select(func.count(), *bounds).select_from(of)


NEXT_BATCH = _next_batch()
RECEIVERS = (
    select(EndpointRow.id)
    .where(
        EndpointRow.state == EndpointState.ENABLED,
        select(BATCH.c.sequence).where(chosen(BATCH), BATCH.c.sequence > EndpointRow.reached_sequence).exists(),
    )
    .order_by(EndpointRow.id)
    .with_for_update()
)
"""The endpoints that receive events of a batch, locked in the order of their ids."""
ADD_DELIVERIES = _adding()
NOTE_REACHED = (
    update(EndpointRow)
    .where(EndpointRow.id == any_(ENDPOINT_IDS))
    .values(
        reached_sequence=select(func.max(BATCH.c.sequence))
        .where(BATCH.c.organization_id == EndpointRow.organization_id)
        .scalar_subquery()
    )
    .execution_options(synchronize_session=False)
)
CALL = (
    update(EndpointRow)
    .where(EndpointRow.id == any_(ENDPOINT_IDS), EndpointRow.drain_state == DrainState.IDLE)
    .values(drain_state=DrainState.CALLED, calls=EndpointRow.calls + 1)
    .execution_options(synchronize_session=False)
)
ANY_CALLED = select(select(EndpointRow.id).where(EndpointRow.drain_state == DrainState.CALLED).exists())


async def lock_fanout(session: AsyncSession) -> None:
    """Waits until no fan-out is under way, and keeps others away until the transaction ends. Between two batches it is
    certain which events an endpoint has received."""
    await session.execute(select(func.pg_advisory_xact_lock(FANOUT_LOCK)))


async def try_lock_fanout(session: AsyncSession) -> bool:
    """Takes the fan-out's lock if it is free, without waiting, and returns whether it was."""
    return bool(await session.scalar(select(func.pg_try_advisory_xact_lock(FANOUT_LOCK))))


async def has_events(session: AsyncSession) -> bool:
    """Whether there may be an event to fan out."""
    return await find_unread(session, CONSUMER) is not None


async def has_calls(session: AsyncSession) -> bool:
    """Whether an endpoint's workflow is to be called."""
    return bool(await session.scalar(ANY_CALLED))


async def fan_out(session: AsyncSession, limit: int) -> int:
    """Gives each endpoint a delivery for each of the next events that it chose. Returns how many events were read.
    Needs the lock."""
    unread = await find_unread(session, CONSUMER)
    if unread is None:
        return 0
    found = (await session.execute(NEXT_BATCH, {**unread._asdict(), "limit": limit})).one()
    if not found[0]:
        return 0
    batch = Batch(*found[1:])
    endpoint_ids = (await session.scalars(RECEIVERS, batch._asdict())).all()
    if endpoint_ids:
        given = {**batch._asdict(), "endpoint_ids": endpoint_ids}
        await session.execute(ADD_DELIVERIES, given)
        await session.execute(NOTE_REACHED, given)
        await call(session, endpoint_ids)
    await move_cursor(session, CONSUMER, batch.last)
    return int(found[0])


async def call(session: AsyncSession, endpoint_ids: Collection[UUID]) -> None:
    """Marks these endpoints to be called, unless they are being drained, and wakes their drains. Needs their rows
    locked."""
    await session.execute(CALL, {"endpoint_ids": list(endpoint_ids)})
    await notify_drains(session, endpoint_ids)


async def read_called(session: AsyncSession, limit: int, without: Collection[UUID] = ()) -> Sequence[Called]:
    """Endpoints that are marked, without some."""
    found = select(EndpointRow.organization_id, EndpointRow.id, EndpointRow.calls)
    rows = await session.execute(
        found.where(EndpointRow.drain_state == DrainState.CALLED, EndpointRow.id.not_in(without))
        .order_by(EndpointRow.id)
        .limit(limit)
    )
    return [Called(EndpointRef(organization_id=row.organization_id, endpoint_id=row.id), row.calls) for row in rows]


async def note_told(session: AsyncSession, told: Sequence[Called]) -> None:
    """Records that the workflows of these endpoints were called. Endpoints that have been drained since, or were marked
    anew, stay as they are."""
    keys = [(called.endpoint.organization_id, called.endpoint.endpoint_id, called.calls) for called in told]
    wanted = tuple_(EndpointRow.organization_id, EndpointRow.id, EndpointRow.calls).in_(keys)
    ids = await _lock(session, wanted, EndpointRow.drain_state == DrainState.CALLED)
    await session.execute(update(EndpointRow).where(EndpointRow.id.in_(ids)).values(drain_state=DrainState.DRAINING))


async def call_overdue(session: AsyncSession, minutes: int) -> int:
    """Marks again the endpoints whose workflow should have sent something that long ago, or that have a backfill, and
    returns how many. Somebody may have ended their workflow. Calling a workflow too often does no harm."""
    overdue = select(SubjectQueue.endpoint_id).where(
        SubjectQueue.endpoint_id == EndpointRow.id,
        SubjectQueue.due_at < func.now() - func.make_interval(0, 0, 0, 0, 0, minutes),
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


async def read_unsent(session: AsyncSession) -> Sequence[EndpointRef]:
    """The enabled endpoints of all organizations for which deliveries wait, or a backfill."""
    waits = select(SubjectQueue.endpoint_id).where(SubjectQueue.endpoint_id == EndpointRow.id)
    unfilled = select(Backfill.id).where(Backfill.endpoint_id == EndpointRow.id)
    rows = await session.execute(
        select(EndpointRow.organization_id, EndpointRow.id)
        .where(EndpointRow.state == EndpointState.ENABLED, or_(waits.exists(), unfilled.exists()))
        .order_by(EndpointRow.id)
    )
    return [EndpointRef(organization_id=organization_id, endpoint_id=id) for organization_id, id in rows]


async def _lock(session: AsyncSession, *where: ColumnElement[bool]) -> Sequence[UUID]:
    """Locks the rows of these endpoints in the order of their ids. Everybody who locks several does so, so that two
    cannot wait for each other."""
    return (
        await session.scalars(select(EndpointRow.id).where(*where).order_by(EndpointRow.id).with_for_update())
    ).all()
