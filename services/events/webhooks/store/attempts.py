"""The SQL of finished deliveries and attempts: lists for admins, and the deletion of old rows."""

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.webhooks.models import AttemptRow, DeliveryRow, EndpointSecret
from services.events.webhooks.rules.delivery import DeliveryState
from services.events.webhooks.rules.endpoints import (
    Attempt,
    AttemptPage,
    Delivery,
    DeliveryNotFound,
    DeliveryPage,
    attempt_id,
)
from shared.contracts.endpoints import EndpointRef
from shared.errors import BadRequest

KEPT = timedelta(days=30)
"""How long finished deliveries, dead ones included, and attempts are kept."""
PAGE = 10_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,4})-([0-9]{1,16})")


async def list_deliveries(
    session: AsyncSession, endpoint: EndpointRef, state: DeliveryState | None, cursor: str | None, limit: int
) -> DeliveryPage:
    """One page, newest event first. Raises BadRequest for a cursor that the API did not give out."""
    query = select(DeliveryRow).where(
        DeliveryRow.organization_id == endpoint.organization_id, DeliveryRow.endpoint_id == endpoint.endpoint_id
    )
    if state is not None:
        query = query.where(DeliveryRow.state == state)
    if cursor is not None:
        query = query.where(DeliveryRow.sequence < _number(cursor))
    rows = (await session.scalars(query.order_by(DeliveryRow.sequence.desc()).limit(limit + 1))).all()
    items = tuple(_delivery(row) for row in rows[:limit])
    return DeliveryPage(items=items, next=str(items[-1].sequence) if len(rows) > limit else None)


async def read_delivery(session: AsyncSession, endpoint: EndpointRef, sequence: int) -> Delivery:
    """Raises DeliveryNotFound."""
    row = await session.get(DeliveryRow, (endpoint.organization_id, endpoint.endpoint_id, sequence))
    if row is None:
        raise DeliveryNotFound("This endpoint has no delivery of this sequence.")
    return _delivery(row)


async def list_attempts(
    session: AsyncSession, endpoint: EndpointRef, sequence: int | None, cursor: str | None, limit: int
) -> AttemptPage:
    """One page, newest first; only of one event if a sequence is given. Raises BadRequest for a cursor that the API did
    not give out."""
    query = select(AttemptRow).where(
        AttemptRow.organization_id == endpoint.organization_id, AttemptRow.endpoint_id == endpoint.endpoint_id
    )
    if sequence is not None:
        query = query.where(AttemptRow.sequence == sequence)
    if cursor is not None:
        query = query.where(AttemptRow.id < await _row_of(session, endpoint, cursor))
    rows = (await session.scalars(query.order_by(AttemptRow.id.desc()).limit(limit + 1))).all()
    items = tuple(_attempt(row) for row in rows[:limit])
    return AttemptPage(items=items, next=_cursor(items[-1]) if len(rows) > limit else None)


async def purge(session: AsyncSession) -> int:
    """Deletes a page of attempts and deliveries that are too old, and secrets that expired as long ago. Returns how
    many rows were deleted."""
    before = func.now() - KEPT
    old_attempts = select(AttemptRow.id).where(AttemptRow.started_at < before).limit(PAGE)
    key = (DeliveryRow.organization_id, DeliveryRow.endpoint_id, DeliveryRow.sequence)
    old_deliveries = select(*key).where(DeliveryRow.finished_at < before).limit(PAGE)
    connection, gone = await session.connection(), 0
    for statement in (
        delete(AttemptRow).where(AttemptRow.id.in_(old_attempts)),
        delete(DeliveryRow).where(tuple_(*key).in_(old_deliveries)),
        delete(EndpointSecret).where(EndpointSecret.expires_at < before),
    ):
        gone += (await connection.execute(statement)).rowcount
    return gone


def _number(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise _bad_cursor()
    return int(cursor)


def _cursor(attempt: Attempt) -> str:
    """It names the attempt by what is shown of it, and not by its row, which would count those of everybody."""
    return f"{attempt.sequence}-{attempt.number}-{(attempt.started_at - EPOCH) // timedelta(microseconds=1)}"


async def _row_of(session: AsyncSession, endpoint: EndpointRef, cursor: str) -> int:
    """The id of the row of the attempt that a cursor names. Raises BadRequest."""
    if (found := CURSOR.fullmatch(cursor)) is None:
        raise _bad_cursor()
    sequence, number, started = map(int, found.groups())
    row_id = await session.scalar(
        select(AttemptRow.id)
        .where(AttemptRow.organization_id == endpoint.organization_id, AttemptRow.endpoint_id == endpoint.endpoint_id)
        .where(AttemptRow.sequence == sequence, AttemptRow.number == number)
        .where(AttemptRow.started_at == EPOCH + timedelta(microseconds=started))
    )
    if row_id is None:
        raise _bad_cursor()
    return row_id


def _bad_cursor() -> BadRequest:
    return BadRequest("This cursor is not one that the API gave out; start without one.", code="bad_cursor")


def _attempt(row: AttemptRow) -> Attempt:
    shown = {name: getattr(row, name) for name in Attempt.model_fields if name != "id"}
    return Attempt(id=attempt_id(row.endpoint_id, row.sequence, row.number, row.started_at), **shown)


def _delivery(row: DeliveryRow) -> Delivery:
    found = Delivery.model_validate(row, from_attributes=True)
    return found if found.state is DeliveryState.WAITING else found.model_copy(update={"due_at": None})
