"""The SQL of backfills: past events become deliveries of an endpoint, a page at a time, before any newer event."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Event
from services.events.log.store.reading import read_extent
from services.events.webhooks.models import Backfill, DeliveryRow, EndpointRow
from services.events.webhooks.rules.delivery import BackfillKind, DeliveryState
from services.events.webhooks.store.deliveries import NOW, lock_health, update_queues
from services.events.webhooks.store.fan_out import COPIED, copied_events
from shared.contracts.endpoints import EndpointRef

PAGE = 1000
AGAIN = {"state": DeliveryState.WAITING, "attempts": 0, "due_at": NOW, "finished_at": None}


async def add_backfill(
    session: AsyncSession, endpoint: EndpointRef, what: BackfillKind, after: int, up_to: int
) -> None:
    """Asks for the events after one sequence and up to another. The next drain begins with them."""
    if up_to > after:
        await session.execute(insert(Backfill).values(**dict(endpoint), what=what, after=after, up_to=up_to))


async def fill_page(session: AsyncSession, endpoint: EndpointRef) -> bool:
    """Turns the next page of the oldest backfill into waiting deliveries. False if there is no backfill."""
    if await lock_health(session, endpoint) is None:
        return False
    found = select(Backfill).where(
        Backfill.organization_id == endpoint.organization_id, Backfill.endpoint_id == endpoint.endpoint_id
    )
    row = await session.scalar(found.order_by(Backfill.id).limit(1))
    if row is None:
        return False
    reached = await _reach(session, endpoint, row)
    await update_queues(session, endpoint, await _fill(session, endpoint, row, reached))
    this = (Backfill.id == row.id, Backfill.organization_id == row.organization_id)
    if reached < row.up_to:
        await session.execute(update(Backfill).where(*this).values(after=reached))
    else:
        await session.execute(delete(Backfill).where(*this))
    return True


async def _reach(session: AsyncSession, endpoint: EndpointRef, row: Backfill) -> int:
    """The last sequence of the next page."""
    if row.what == BackfillKind.DEAD:
        page = select(DeliveryRow.sequence).where(
            DeliveryRow.organization_id == endpoint.organization_id,
            DeliveryRow.endpoint_id == endpoint.endpoint_id,
            DeliveryRow.state == DeliveryState.DEAD,
            DeliveryRow.sequence > row.after,
            DeliveryRow.sequence <= row.up_to,
        )
        page = page.order_by(DeliveryRow.sequence)
    else:
        page = select(Event.sequence).where(await _past(session, endpoint, row.after), Event.sequence <= row.up_to)
        page = page.order_by(Event.day, Event.sequence)
    found = (await session.scalars(page.limit(PAGE))).all()
    return found[-1] if len(found) == PAGE else row.up_to


async def _past(session: AsyncSession, endpoint: EndpointRef, after: int) -> ColumnElement[bool]:
    """The condition for the organization's events after a sequence, which names the day on which these begin."""
    from_day = (await read_extent(session, endpoint.organization_id, after)).from_day
    later = and_(Event.organization_id == endpoint.organization_id, Event.sequence > after)
    return later if from_day is None else and_(later, Event.day >= from_day)


async def _fill(session: AsyncSession, endpoint: EndpointRef, row: Backfill, reached: int) -> Sequence[str]:
    """Makes or renews the deliveries of a page, and returns the subjects that have new waiting ones."""
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
    events = copied_events(Event.__table__).where(
        await _past(session, endpoint, row.after), EndpointRow.id == endpoint.endpoint_id, Event.sequence <= reached
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
