"""The SQL of backfills: events of the past that an endpoint is to get, a page at a time, before any newer one."""

from collections.abc import Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.deliveries import BackfillKind, DeliveryState
from services.events.models import Event
from services.events.models_endpoints import Backfill, DeliveryRow, EndpointRow
from services.events.store_deliveries import NOW, lock_health, mend_lanes
from services.events.store_fanout import COPIED, chosen
from shared.contracts.endpoints import EndpointRef

PAGE = 1000
AGAIN = {"state": DeliveryState.WAITING, "attempts": 0, "due_at": NOW, "finished_at": None}


async def add_backfill(
    session: AsyncSession, endpoint: EndpointRef, what: BackfillKind, after: int, up_to: int
) -> None:
    """Events after one sequence and up to another; the next drain begins with them."""
    if up_to > after:
        await session.execute(insert(Backfill).values(**dict(endpoint), what=what, after=after, up_to=up_to))


async def fill_page(session: AsyncSession, endpoint: EndpointRef) -> bool:
    """Lets the next page of the oldest backfill wait for delivery; False when there is none."""
    if await lock_health(session, endpoint) is None:
        return False
    found = select(Backfill).where(
        Backfill.organization_id == endpoint.organization_id, Backfill.endpoint_id == endpoint.endpoint_id
    )
    row = await session.scalar(found.order_by(Backfill.id).limit(1))
    if row is None:
        return False
    reached = await _reach(session, endpoint, row)
    await mend_lanes(session, endpoint, await _fill(session, endpoint, row, reached))
    this = (Backfill.id == row.id, Backfill.organization_id == row.organization_id)
    if reached < row.up_to:
        await session.execute(update(Backfill).where(*this).values(after=reached))
    else:
        await session.execute(delete(Backfill).where(*this))
    return True


async def _reach(session: AsyncSession, endpoint: EndpointRef, row: Backfill) -> int:
    """How far the next page goes."""
    column = DeliveryRow.sequence if row.what == BackfillKind.DEAD else Event.sequence
    page = select(column).where(column > row.after, column <= row.up_to)
    if row.what == BackfillKind.DEAD:
        page = page.where(
            DeliveryRow.organization_id == endpoint.organization_id,
            DeliveryRow.endpoint_id == endpoint.endpoint_id,
            DeliveryRow.state == DeliveryState.DEAD,
        )
    else:
        page = page.where(Event.organization_id == endpoint.organization_id)
    limited = page.order_by(column).limit(PAGE).subquery()
    last, count = (await session.execute(select(func.max(limited.c.sequence), func.count()))).one()
    return int(last) if count == PAGE else row.up_to


async def _fill(session: AsyncSession, endpoint: EndpointRef, row: Backfill, reached: int) -> Sequence[str]:
    """Answers the subjects of which something waits now."""
    if row.what == BackfillKind.DEAD:
        again = (
            update(DeliveryRow)
            .where(
                DeliveryRow.organization_id == endpoint.organization_id,
                DeliveryRow.endpoint_id == endpoint.endpoint_id,
                DeliveryRow.sequence > row.after,
                DeliveryRow.sequence <= reached,
                DeliveryRow.state == DeliveryState.DEAD,
            )
            .values(**AGAIN)
        )
        return sorted(set(await session.scalars(again.returning(DeliveryRow.subject))))
    events = (
        select(
            Event.organization_id,
            EndpointRow.id.label("endpoint_id"),
            Event.sequence,
            Event.event_id,
            Event.type,
            Event.subject,
        )
        .join_from(Event, EndpointRow, chosen())
        .where(
            Event.organization_id == endpoint.organization_id,
            EndpointRow.id == endpoint.endpoint_id,
            Event.sequence > row.after,
            Event.sequence <= reached,
        )
    )
    adding = insert(DeliveryRow).from_select(COPIED, events)
    if row.what == BackfillKind.MISSED:
        added = adding.on_conflict_do_nothing().returning(DeliveryRow.subject)
    else:
        key = [DeliveryRow.organization_id, DeliveryRow.endpoint_id, DeliveryRow.sequence]
        added = adding.on_conflict_do_update(
            index_elements=key, set_=AGAIN, where=DeliveryRow.state != DeliveryState.WAITING
        ).returning(DeliveryRow.subject)
    return sorted(set(await session.scalars(added)))
