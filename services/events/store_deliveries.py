"""The drain's SQL: what one endpoint is to get now, and how it went.

A lane is a queue of one subject; its head alone is sent, so one subject's events stay in order and a failing one holds
back nobody else. Lanes follow from the waiting deliveries: whoever changes those calls `mend_lanes`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.deliveries import DeliveryState, DrainState, Due, EndpointToDrain, Health, Outcome, Verdict
from services.events.models import Event
from services.events.models_endpoints import AttemptRow, Backfill, DeliveryRow, EndpointRow, EndpointSecret, Lane
from services.events.store import record_of
from shared.contracts.endpoints import EndpointRef, EndpointState
from shared.contracts.events import EndpointDisabled, EndpointFailing
from shared.events import emit

NOW = func.clock_timestamp()


async def begin_drain(session: AsyncSession, endpoint: EndpointRef) -> bool:
    """Notes that the endpoint is being drained; False when it is disabled or gone."""
    noted = await session.execute(
        update(EndpointRow)
        .where(_is(endpoint), EndpointRow.state == EndpointState.ENABLED)
        .values(drain_state=DrainState.DRAINING)
        .returning(EndpointRow.id)
    )
    return noted.first() is not None


async def read_endpoint(session: AsyncSession, endpoint: EndpointRef) -> EndpointToDrain | None:
    """None when it is disabled or gone."""
    row = await session.scalar(select(EndpointRow).where(_is(endpoint), EndpointRow.state == EndpointState.ENABLED))
    if row is None:
        return None
    signing = or_(EndpointSecret.expires_at.is_(None), EndpointSecret.expires_at > NOW)
    secrets = await session.scalars(
        select(EndpointSecret.secret)
        .where(
            EndpointSecret.organization_id == endpoint.organization_id,
            EndpointSecret.endpoint_id == endpoint.endpoint_id,
            signing,
        )
        .order_by(EndpointSecret.id.desc())
    )
    return EndpointToDrain(row.id, row.organization_id, row.url, row.rate_limit, tuple(secrets))


async def read_due(session: AsyncSession, endpoint: EndpointRef, limit: int, but: Collection[str]) -> list[Due]:
    """The heads of the lanes that are due, the longest due first; `but` names subjects that are under way."""
    heads = (
        select(Lane.sequence, Lane.due_at)
        .where(Lane.endpoint_id == endpoint.endpoint_id, Lane.organization_id == endpoint.organization_id)
        .where(Lane.due_at <= NOW, Lane.subject.not_in(but))
        .order_by(Lane.due_at, Lane.sequence)
        .limit(limit)
        .subquery()
    )
    rows = await session.execute(
        select(Event, DeliveryRow.attempts)
        .join(heads, heads.c.sequence == Event.sequence)
        .join(
            DeliveryRow,
            and_(
                DeliveryRow.organization_id == Event.organization_id,
                DeliveryRow.endpoint_id == endpoint.endpoint_id,
                DeliveryRow.sequence == Event.sequence,
            ),
        )
        .where(Event.organization_id == endpoint.organization_id)
        .order_by(heads.c.due_at, heads.c.sequence)
    )
    return [Due(record_of(event), attempts) for event, attempts in rows]


async def lock_health(session: AsyncSession, endpoint: EndpointRef) -> tuple[Health, UUID, datetime] | None:
    """The endpoint's failures, its owner and the time by the database's clock; its row is locked from now on. None when
    it is gone."""
    found = select(
        EndpointRow.failing_since, EndpointRow.told_failing_at, EndpointRow.told_disabling_at, EndpointRow.owner_id, NOW
    ).where(_is(endpoint))
    row = (await session.execute(found.with_for_update())).first()
    if row is None:
        return None
    failing_since, told_failing_at, told_disabling_at, owner_id, now = row
    return Health(failing_since, told_failing_at, told_disabling_at), owner_id, now


async def record_attempts(session: AsyncSession, endpoint: EndpointRef, outcomes: Sequence[Outcome]) -> None:
    await session.execute(
        insert(AttemptRow),
        [
            {
                **dict(endpoint),
                "sequence": outcome.due.event.sequence,
                "number": outcome.number,
                "started_at": outcome.started_at,
                "latency_ms": outcome.latency_ms,
                "status": outcome.status,
                "failure": outcome.failure,
                "answer": outcome.answer,
            }
            for outcome in outcomes
        ],
    )


async def finish(
    session: AsyncSession, endpoint: EndpointRef, outcomes: Sequence[Outcome], state: DeliveryState
) -> None:
    """Takes these deliveries off the queue. One that was replayed meanwhile, or finished by another drain, stays."""
    await _update(session, endpoint, outcomes, {"state": state, "finished_at": NOW})


async def put_off(session: AsyncSession, endpoint: EndpointRef, outcome: Outcome, delay: timedelta) -> None:
    """Lets a failed delivery wait for its next attempt."""
    values = {"attempts": DeliveryRow.attempts + 1, "due_at": NOW + delay}
    await _update(session, endpoint, [outcome], values)


async def mend_lanes(session: AsyncSession, endpoint: EndpointRef, subjects: Collection[str]) -> None:
    """Makes the lanes of these subjects what their waiting deliveries say. Needs the endpoint's row locked."""
    await session.execute(
        delete(Lane).where(
            Lane.endpoint_id == endpoint.endpoint_id,
            Lane.organization_id == endpoint.organization_id,
            Lane.subject.in_(subjects),
        )
    )
    heads = (
        select(
            DeliveryRow.endpoint_id,
            DeliveryRow.subject,
            DeliveryRow.organization_id,
            DeliveryRow.sequence,
            DeliveryRow.due_at,
        )
        .ext(distinct_on(DeliveryRow.subject))
        .where(
            DeliveryRow.endpoint_id == endpoint.endpoint_id,
            DeliveryRow.organization_id == endpoint.organization_id,
            DeliveryRow.state == DeliveryState.WAITING,
            DeliveryRow.subject.in_(subjects),
        )
        .order_by(DeliveryRow.subject, DeliveryRow.sequence)
    )
    columns = ["endpoint_id", "subject", "organization_id", "sequence", "due_at"]
    await session.execute(insert(Lane).from_select(columns, heads))


async def save_verdict(session: AsyncSession, endpoint: EndpointRef, owner_id: UUID, verdict: Verdict) -> None:
    """Stores what the attempts meant for the endpoint and tells it as events. Needs its row locked."""
    values: dict[str, object] = dict(verdict.health._asdict())
    events: list[EndpointFailing | EndpointDisabled] = [
        EndpointFailing(endpoint_id=endpoint.endpoint_id, owner_id=owner_id, stage=stage) for stage in verdict.tell
    ]
    if verdict.disable is not None:
        values |= {"state": EndpointState.DISABLED, "disable_reason": verdict.disable, "disabled_at": NOW}
        values |= {"drain_state": DrainState.IDLE}
        events.append(EndpointDisabled(endpoint_id=endpoint.endpoint_id, owner_id=owner_id, reason=verdict.disable))
    changed = update(EndpointRow).where(_is(endpoint), EndpointRow.state == EndpointState.ENABLED).values(**values)
    if (await session.execute(changed.returning(EndpointRow.id))).first() is not None:
        await emit(session, endpoint.organization_id, *events)


async def rest(session: AsyncSession, endpoint: EndpointRef) -> tuple[bool, datetime | None]:
    """Ends the drain if nothing is due and no backfill waits: whether it ended, and when something will be due."""
    await session.execute(select(EndpointRow.id).where(_is(endpoint)).with_for_update())
    mine = (Lane.endpoint_id == endpoint.endpoint_id, Lane.organization_id == endpoint.organization_id)
    next_due_at, due = (
        await session.execute(select(func.min(Lane.due_at), func.min(Lane.due_at) <= NOW).where(*mine))
    ).one()
    past = exists().where(
        Backfill.organization_id == endpoint.organization_id, Backfill.endpoint_id == endpoint.endpoint_id
    )
    if due or await session.scalar(select(past)):
        return False, next_due_at
    await session.execute(update(EndpointRow).where(_is(endpoint)).values(drain_state=DrainState.IDLE))
    return True, next_due_at


async def drop_lost(session: AsyncSession, endpoint: EndpointRef) -> None:
    """Drops the deliveries that are due and whose event the log has no more: retention took it. Needs the endpoint's
    row locked."""
    lost = (
        update(DeliveryRow)
        .where(
            DeliveryRow.organization_id == endpoint.organization_id,
            DeliveryRow.endpoint_id == endpoint.endpoint_id,
            DeliveryRow.state == DeliveryState.WAITING,
            DeliveryRow.due_at <= NOW,
            ~exists().where(
                Event.organization_id == DeliveryRow.organization_id, Event.sequence == DeliveryRow.sequence
            ),
        )
        .values(state=DeliveryState.DROPPED, finished_at=NOW)
        .returning(DeliveryRow.subject)
    )
    await mend_lanes(session, endpoint, set(await session.scalars(lost)))


async def _update(
    session: AsyncSession, endpoint: EndpointRef, outcomes: Sequence[Outcome], values: Mapping[str, object]
) -> None:
    """Changes the deliveries that still wait with as many attempts as these found."""
    for attempts in {outcome.due.attempts for outcome in outcomes}:
        sequences = [outcome.due.event.sequence for outcome in outcomes if outcome.due.attempts == attempts]
        await session.execute(
            update(DeliveryRow)
            .where(
                DeliveryRow.organization_id == endpoint.organization_id,
                DeliveryRow.endpoint_id == endpoint.endpoint_id,
                DeliveryRow.sequence.in_(sequences),
                DeliveryRow.state == DeliveryState.WAITING,
                DeliveryRow.attempts == attempts,
            )
            .values(**values)
        )


def _is(endpoint: EndpointRef) -> ColumnElement[bool]:
    return and_(EndpointRow.id == endpoint.endpoint_id, EndpointRow.organization_id == endpoint.organization_id)
