"""The drain's SQL: what one endpoint is to get now, and how it went.

A lane is a queue of one subject; its head alone is sent, so one subject's events stay in order and a failing one holds
back nobody else. Lanes follow from the waiting deliveries: whoever changes those calls `mend_lanes`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    String,
    and_,
    bindparam,
    column,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.deliveries import DeliveryState, DrainState, Due, EndpointToDrain, Health, Outcome, Verdict
from services.events.models import Event, LogDay
from services.events.models_endpoints import AttemptRow, Backfill, DeliveryRow, EndpointRow, EndpointSecret, Lane
from services.events.store import record_of
from shared.contracts.endpoints import EndpointRef, EndpointState
from shared.contracts.events import EndpointDisabled, EndpointFailing
from shared.events import emit

NOW = func.clock_timestamp()
NOW_FIXED = func.statement_timestamp()
"""The same throughout a statement, so that an index finds what is due without reading what is not."""
WAITING: ColumnElement[str] = literal_column(f"'{DeliveryState.WAITING}'")
"""Written out, as the index of what waits serves a statement only if it says so before it has its parameters."""
LANES_AT_ONCE = 1000


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
    """The heads of the lanes that are due, the longest due first; `but` names subjects that are under way.

    None while a backfill waits: its events go before the newer ones of their subjects.
    """
    heads = (
        select(DeliveryRow.sequence, DeliveryRow.day, DeliveryRow.attempts)
        .join(
            Lane,
            and_(
                Lane.organization_id == DeliveryRow.organization_id,
                Lane.endpoint_id == DeliveryRow.endpoint_id,
                Lane.sequence == DeliveryRow.sequence,
            ),
        )
        .where(Lane.endpoint_id == endpoint.endpoint_id, Lane.organization_id == endpoint.organization_id)
        .where(Lane.due_at <= NOW_FIXED, Lane.subject.not_in(but), ~_has_backfill(endpoint))
        .order_by(Lane.due_at, Lane.sequence)
        .limit(limit)
    )
    found = (await session.execute(heads)).all()
    if not found:
        return []
    events = select(Event).where(
        Event.organization_id == endpoint.organization_id,
        Event.day.in_({head.day for head in found}),
        Event.sequence.in_([head.sequence for head in found]),
    )
    kept = {event.sequence: record_of(event) for event in await session.scalars(events)}
    return [Due(kept[head.sequence], head.attempts) for head in found if head.sequence in kept]


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
    """Makes the lanes of these subjects what their waiting deliveries say. Needs the endpoint's row locked.

    However long a queue is, only its head is read.
    """
    mine = (Lane.endpoint_id == endpoint.endpoint_id, Lane.organization_id == endpoint.organization_id)
    await session.execute(delete(Lane).where(*mine, Lane.subject.in_(subjects)))
    given = (
        func.unnest(bindparam("subjects", sorted(subjects), ARRAY(String)))
        .table_valued(column("subject", String), name="given")
        .render_derived()
    )
    columns = ["endpoint_id", "subject", "organization_id", "sequence", "due_at"]
    head = (
        select(*(getattr(DeliveryRow, name) for name in columns))
        .where(
            DeliveryRow.endpoint_id == endpoint.endpoint_id,
            DeliveryRow.organization_id == endpoint.organization_id,
            DeliveryRow.subject == given.c.subject,
            DeliveryRow.state == WAITING,
        )
        .order_by(DeliveryRow.sequence)
        .limit(1)
        .lateral()
    )
    heads = select(*(head.c[name] for name in columns)).select_from(given).join(head, true())
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
    """Ends the drain if nothing is due and nothing of the past is asked for: whether it ended, and when something will
    be due. Needs the endpoint's row locked: whoever adds something either did so before or finds the drain ended."""
    mine = (Lane.endpoint_id == endpoint.endpoint_id, Lane.organization_id == endpoint.organization_id)
    found = select(func.min(Lane.due_at), func.min(Lane.due_at) <= NOW_FIXED, _has_backfill(endpoint)).where(*mine)
    next_due_at, due, backfill = (await session.execute(found)).one()
    if due or backfill:
        return False, next_due_at
    await session.execute(update(EndpointRow).where(_is(endpoint)).values(drain_state=DrainState.IDLE))
    return True, next_due_at


async def drop_lost(session: AsyncSession, endpoint: EndpointRef) -> None:
    """Drops the deliveries that are due and whose event the log has no more: retention took it. Needs the endpoint's
    row locked.

    Retention takes the oldest, so what is lost stands at the heads of lanes; some lanes at a time.
    """
    gone = DeliveryRow.day < select(func.min(LogDay.day)).scalar_subquery()
    mine = (DeliveryRow.organization_id == endpoint.organization_id, DeliveryRow.endpoint_id == endpoint.endpoint_id)
    heads = select(Lane.subject).join(
        DeliveryRow, and_(DeliveryRow.endpoint_id == Lane.endpoint_id, DeliveryRow.sequence == Lane.sequence)
    )
    found = await session.scalars(
        heads.where(*mine, Lane.endpoint_id == endpoint.endpoint_id, Lane.due_at <= NOW_FIXED, gone).limit(
            LANES_AT_ONCE
        )
    )
    subjects = set(found)
    if not subjects:
        return
    lost = update(DeliveryRow).where(*mine, DeliveryRow.subject.in_(subjects), DeliveryRow.state == WAITING, gone)
    await session.execute(lost.values(state=DeliveryState.DROPPED, finished_at=NOW))
    await mend_lanes(session, endpoint, subjects)


def _has_backfill(endpoint: EndpointRef) -> ColumnElement[bool]:
    mine = (Backfill.organization_id == endpoint.organization_id, Backfill.endpoint_id == endpoint.endpoint_id)
    return exists().where(*mine)


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
