"""The SQL of endpoints as admins see them: creating, changing, disabling, enabling, secrets, tests and replays."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Date, Select, and_, cast, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Event
from services.events.log.store.polling import CHANNEL
from services.events.log.store.reading import read_head
from services.events.webhooks.models import Backfill, DeliveryRow, EndpointRow, EndpointSecret, SubjectQueue
from services.events.webhooks.rules.delivery import BackfillKind, DeliveryState, DrainState
from services.events.webhooks.rules.endpoints import (
    MOST_ENDPOINTS,
    MOST_SECRETS,
    Endpoint,
    EndpointDefinition,
    EndpointIsDisabled,
    EndpointIsEnabled,
    EndpointNotFound,
    EndpointPage,
    ReplayAccepted,
    ReplayRequest,
    TooManyEndpoints,
    TooManySecrets,
)
from services.events.webhooks.store.backfill import add_backfill
from services.events.webhooks.store.fan_out import call, lock_fanout
from shared.contracts.endpoints import DisableReason, EndpointBrief, EndpointRef, EndpointState
from shared.contracts.events import EndpointDisabled, EndpointEnabled, EndpointTested
from shared.errors import BadRequest
from shared.events import emit
from shared.http.etags import check_match, with_versions
from shared.http.lists import decode_cursor, encode_cursor
from shared.notices import tell_once_committed

NOW = func.clock_timestamp()


async def create_endpoint(
    session: AsyncSession, organization_id: UUID, definition: EndpointDefinition, secret: str
) -> Endpoint:
    """Creates an endpoint, which receives events from the organization's next one on. Raises TooManyEndpoints."""
    await lock_fanout(session)
    count = select(func.count()).select_from(EndpointRow).where(EndpointRow.organization_id == organization_id)
    if int(await session.scalar(count) or 0) >= MOST_ENDPOINTS:
        raise TooManyEndpoints(f"An organization has at most {MOST_ENDPOINTS} endpoints: delete one that is not used.")
    head = await read_head(session, organization_id)
    row = EndpointRow(
        id=uuid4(),
        organization_id=organization_id,
        reached_sequence=head.sequence if head else 0,
        **_columns(definition),
    )
    session.add(row)
    await session.flush()
    session.add(EndpointSecret(organization_id=organization_id, endpoint_id=row.id, secret=secret))
    await session.refresh(row)
    return _endpoint(row)


async def read_endpoint(session: AsyncSession, endpoint: EndpointRef) -> Endpoint:
    """Raises EndpointNotFound."""
    return _endpoint(await _find(session, endpoint))


async def read_brief(session: AsyncSession, endpoint: EndpointRef) -> EndpointBrief:
    """Raises EndpointNotFound."""
    row = await _find(session, endpoint)
    return EndpointBrief(
        endpoint_id=row.id,
        url=row.url,
        description=row.description,
        state=EndpointState(row.state),
        disable_reason=DisableReason(row.disable_reason) if row.disable_reason else None,
        failing_since=row.failing_since,
    )


async def list_endpoints(session: AsyncSession, organization_id: UUID, cursor: str | None, limit: int) -> EndpointPage:
    """One page, oldest first. Raises BadRequest for a cursor that the API did not give out."""
    mine = EndpointRow.organization_id == organization_id
    query = select(EndpointRow).where(mine)
    if (after := decode_cursor(cursor)) is not None:
        last = await session.scalar(select(EndpointRow).where(mine, EndpointRow.id == after))
        if last is None:
            raise BadRequest("This cursor is not one that the API gave out; start without one.", code="bad_cursor")
        query = query.where(tuple_(EndpointRow.created_at, EndpointRow.id) > (last.created_at, last.id))
    rows = (await session.scalars(query.order_by(EndpointRow.created_at, EndpointRow.id).limit(limit + 1))).all()
    items = tuple(_endpoint(row) for row in rows[:limit])
    return EndpointPage(items=items, next=encode_cursor(items[-1].id) if len(rows) > limit else None)


async def replace_endpoint(
    session: AsyncSession, endpoint: EndpointRef, definition: EndpointDefinition, if_match: str
) -> Endpoint:
    """Replaces the definition. Deliveries that wait go to the new URL. A new choice of types counts for events that
    happen from now on. Raises EndpointNotFound, StaleVersion."""
    row = await _lock(session, endpoint)
    check_match(if_match, row.version, row.field_versions)
    changes = {name: value for name, value in _columns(definition).items() if getattr(row, name) != value}
    for name, value in changes.items():
        setattr(row, name, value)
    _count_change(row, *changes)
    await session.flush()
    return _endpoint(row)


async def delete_endpoint(session: AsyncSession, endpoint: EndpointRef) -> None:
    """Deletes the endpoint with its deliveries, attempts and secrets. It should be disabled before (`switching.py`).
    Raises EndpointNotFound."""
    row = await _lock(session, endpoint)
    mine = (EndpointRow.organization_id == row.organization_id, EndpointRow.id == row.id)
    await session.execute(delete(EndpointRow).where(*mine))


async def disable_endpoint(session: AsyncSession, endpoint: EndpointRef) -> Endpoint:
    """Disables the endpoint: nothing is sent from now on. A repeat changes nothing. Raises EndpointNotFound."""
    row = await _lock(session, endpoint)
    if row.state == EndpointState.ENABLED:
        row.state, row.disable_reason = EndpointState.DISABLED, DisableReason.ADMIN
        row.disabled_at, row.drain_state = await session.scalar(select(NOW)), DrainState.IDLE
        _count_change(row, "state")
        told = EndpointDisabled(endpoint_id=row.id, owner_id=row.owner_id, reason=DisableReason.ADMIN)
        await session.flush()
        await emit(session, endpoint.organization_id, told)
    return _endpoint(row)


async def prepare_to_enable(session: AsyncSession, endpoint: EndpointRef, catch_up: bool) -> None:
    """Makes the deliveries that still wait due at once, or drops them. This needs a transaction of its own
    (`switching.py`). Raises EndpointNotFound, EndpointIsEnabled."""
    await _lock_disabled(session, endpoint)
    await (_wait_anew if catch_up else _drop_waiting)(session, endpoint)


async def enable_endpoint(session: AsyncSession, endpoint: EndpointRef, catch_up: bool) -> Endpoint:
    """Enables an endpoint that was prepared; with `catch_up` it also gets what happened meanwhile. Raises
    EndpointNotFound, EndpointIsEnabled."""
    await lock_fanout(session)
    row = await _lock_disabled(session, endpoint)
    reached = await _reached(session, endpoint.organization_id)
    row.state, row.disable_reason, row.disabled_at = EndpointState.ENABLED, None, None
    row.failing_since = row.told_failing_at = row.told_disabling_at = None
    _count_change(row, "state")
    if catch_up:
        await add_backfill(session, endpoint, BackfillKind.MISSED, row.reached_sequence, reached)
    row.reached_sequence = reached
    await session.flush()
    await call(session, [row.id])
    tell_once_committed(session, CHANNEL)
    await emit(session, endpoint.organization_id, EndpointEnabled(endpoint_id=row.id))
    return _endpoint(row)


async def rotate_secret(session: AsyncSession, endpoint: EndpointRef, secret: str, overlap: timedelta) -> datetime:
    """Adds a secret. The current one signs too until the overlap is over; older ones as long as they would have.
    Returns the end of the overlap. Raises EndpointNotFound, TooManySecrets."""
    await _lock(session, endpoint)
    mine = (
        EndpointSecret.organization_id == endpoint.organization_id,
        EndpointSecret.endpoint_id == endpoint.endpoint_id,
    )
    await session.execute(delete(EndpointSecret).where(*mine, EndpointSecret.expires_at <= NOW))
    count = int(await session.scalar(select(func.count()).select_from(EndpointSecret).where(*mine)) or 0)
    if count >= MOST_SECRETS:
        raise TooManySecrets(f"{MOST_SECRETS} secrets sign already: wait until the oldest has expired.")
    expires_at: datetime = (await session.scalars(select(NOW + overlap))).one()
    current = update(EndpointSecret).where(*mine, EndpointSecret.expires_at.is_(None))
    await session.execute(current.values(expires_at=expires_at))
    await session.execute(insert(EndpointSecret).values(**dict(endpoint), secret=secret))
    return expires_at


async def test_endpoint(session: AsyncSession, endpoint: EndpointRef) -> None:
    """Emits `endpoint.tested`, which this endpoint alone receives. Raises EndpointNotFound, EndpointIsDisabled."""
    row = await _lock(session, endpoint)
    if row.state != EndpointState.ENABLED:
        raise EndpointIsDisabled("This endpoint is disabled: enable it first.")
    await emit(session, endpoint.organization_id, EndpointTested(endpoint_id=row.id))


async def replay(session: AsyncSession, endpoint: EndpointRef, wanted: ReplayRequest) -> ReplayAccepted:
    """Asks for events to be sent again, in order and before newer ones. Raises EndpointNotFound, EndpointIsDisabled."""
    row = await _lock(session, endpoint)
    if row.state != EndpointState.ENABLED:
        raise EndpointIsDisabled("This endpoint is disabled: enable it first.")
    first, last = await _range(session, endpoint.organization_id, wanted)
    await add_backfill(session, endpoint, wanted.what, first - 1, last)
    await session.flush()
    await call(session, [row.id])
    tell_once_committed(session, CHANNEL)
    return ReplayAccepted(what=wanted.what, from_sequence=first, to_sequence=last)


async def _range(session: AsyncSession, organization_id: UUID, wanted: ReplayRequest) -> tuple[int, int]:
    """The first and the last sequence of the wanted events, as far as the log has come."""
    reached = await _reached(session, organization_id)
    if wanted.since is not None:
        # An event is never of a day before the one on which it was recorded.
        later = (Event.day >= cast(func.timezone("utc", wanted.since), Date), Event.recorded_at >= wanted.since)
        found = select(Event.sequence).where(Event.organization_id == organization_id, *later)
        first = await session.scalar(found.order_by(Event.day, Event.sequence).limit(1))
        return first or reached + 1, reached
    first = wanted.sequence or wanted.from_sequence or 1
    return first, min(wanted.sequence or wanted.to_sequence or reached, reached)


async def _reached(session: AsyncSession, organization_id: UUID) -> int:
    """The last sequence of the organization's events."""
    head = await read_head(session, organization_id)
    return head.sequence if head else 0


async def _wait_anew(session: AsyncSession, endpoint: EndpointRef) -> None:
    """Makes waiting deliveries due now, with all their attempts ahead of them. Most of them are so already and are not
    changed."""
    tried = or_(DeliveryRow.attempts > 0, DeliveryRow.due_at > func.statement_timestamp())
    await session.execute(update(DeliveryRow).where(_waiting(endpoint), tried).values(attempts=0, due_at=NOW))
    queues = (
        SubjectQueue.organization_id == endpoint.organization_id,
        SubjectQueue.endpoint_id == endpoint.endpoint_id,
    )
    await session.execute(
        update(SubjectQueue).where(*queues, SubjectQueue.due_at > func.statement_timestamp()).values(due_at=NOW)
    )


async def _drop_waiting(session: AsyncSession, endpoint: EndpointRef) -> None:
    await session.execute(
        update(DeliveryRow).where(_waiting(endpoint)).values(state=DeliveryState.DROPPED, finished_at=NOW)
    )
    for table in (SubjectQueue, Backfill):
        mine = (table.organization_id == endpoint.organization_id, table.endpoint_id == endpoint.endpoint_id)
        await session.execute(delete(table).where(*mine))


def _waiting(endpoint: EndpointRef) -> ColumnElement[bool]:
    return and_(
        DeliveryRow.organization_id == endpoint.organization_id,
        DeliveryRow.endpoint_id == endpoint.endpoint_id,
        DeliveryRow.state == DeliveryState.WAITING,
    )


async def _find(session: AsyncSession, endpoint: EndpointRef) -> EndpointRow:
    """Raises EndpointNotFound."""
    row = await session.scalar(_row(endpoint))
    if row is None:
        raise EndpointNotFound("There is no such endpoint.")
    return row


async def _lock(session: AsyncSession, endpoint: EndpointRef) -> EndpointRow:
    """The endpoint's row, locked until the transaction ends. Raises EndpointNotFound."""
    row = await session.scalar(_row(endpoint).with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise EndpointNotFound("There is no such endpoint.")
    return row


async def _lock_disabled(session: AsyncSession, endpoint: EndpointRef) -> EndpointRow:
    """Raises EndpointNotFound, EndpointIsEnabled."""
    row = await _lock(session, endpoint)
    if row.state == EndpointState.ENABLED:
        raise EndpointIsEnabled("This endpoint is enabled: there is nothing to do.")
    return row


def _row(endpoint: EndpointRef) -> Select[EndpointRow]:
    return select(EndpointRow).where(
        EndpointRow.organization_id == endpoint.organization_id, EndpointRow.id == endpoint.endpoint_id
    )


def _count_change(row: EndpointRow, *fields: str) -> None:
    row.version += 1
    row.field_versions = with_versions(row.field_versions, fields, row.version)


def _columns(definition: EndpointDefinition) -> dict[str, object]:
    return {
        "url": definition.url,
        "owner_id": definition.owner_id,
        "description": definition.description,
        "types": list(definition.types),
        "rate_limit": definition.rate_limit,
    }


def _endpoint(row: EndpointRow) -> Endpoint:
    return Endpoint.model_validate(row, from_attributes=True)
