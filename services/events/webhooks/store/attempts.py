"""The SQL of finished deliveries and attempts: lists for admins, and the deletion of old rows."""

from datetime import timedelta

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.webhooks.models import AttemptRow, DeliveryRow, EndpointSecret
from services.events.webhooks.rules.delivery import DeliveryState
from services.events.webhooks.rules.endpoints import Attempt, AttemptPage, Delivery, DeliveryNotFound, DeliveryPage
from shared.contracts.endpoints import EndpointRef
from shared.errors import BadRequest

KEPT = timedelta(days=30)
"""How long finished deliveries, dead ones included, and attempts are kept."""
PAGE = 10_000


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
        query = query.where(AttemptRow.id < _number(cursor))
    rows = (await session.scalars(query.order_by(AttemptRow.id.desc()).limit(limit + 1))).all()
    items = tuple(Attempt.model_validate(row, from_attributes=True) for row in rows[:limit])
    return AttemptPage(items=items, next=str(items[-1].id) if len(rows) > limit else None)


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
        raise BadRequest("This cursor is not one that the API gave out; start without one.", code="bad_cursor")
    return int(cursor)


def _delivery(row: DeliveryRow) -> Delivery:
    found = Delivery.model_validate(row, from_attributes=True)
    return found if found.state is DeliveryState.WAITING else found.model_copy(update={"due_at": None})
