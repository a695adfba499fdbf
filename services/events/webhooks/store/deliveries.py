"""The drain's SQL: which deliveries of one endpoint are due, and the results of its attempts.

Each subject has a queue (`SubjectQueue`), of which only the head is sent. So the events of one subject stay in order,
and one that fails holds back no other subject. Queues follow from the waiting deliveries: whoever changes these calls
`update_queues`.

Statements that are sent for every delivery are built once, as building one costs more than sending it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Date,
    Integer,
    Interval,
    SmallInteger,
    String,
    Uuid,
    all_,
    and_,
    any_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Event, LogDay
from services.events.log.store.reading import record_of
from services.events.webhooks.models import AttemptRow, Backfill, DeliveryRow, EndpointRow, EndpointSecret, SubjectQueue
from services.events.webhooks.rules.delivery import (
    DeliveryState,
    DrainState,
    Due,
    EndpointToDrain,
    Health,
    Outcome,
    Verdict,
)
from shared.contracts.endpoints import EndpointRef, EndpointState
from shared.contracts.events import EndpointDisabled, EndpointFailing
from shared.events import emit

NOW = func.clock_timestamp()
NOW_FIXED = func.statement_timestamp()
"""This time is the same throughout a statement, so that an index finds what is due without reading what is not."""
WAITING: ColumnElement[str] = literal_column(f"'{DeliveryState.WAITING}'")
"""The state is written out: Postgres uses the index of waiting deliveries only if the statement names the state in its
text and not as a parameter."""
QUEUES_AT_ONCE = 1000


ENDPOINT_ID, ORGANIZATION_ID = (bindparam(name, type_=Uuid) for name in ("this_endpoint", "this_organization"))
THIS_ENDPOINT = and_(EndpointRow.id == ENDPOINT_ID, EndpointRow.organization_id == ORGANIZATION_ID)
HAS_BACKFILL = exists().where(Backfill.organization_id == ORGANIZATION_ID, Backfill.endpoint_id == ENDPOINT_ID)
ENDPOINT = select(
    EndpointRow.url,
    EndpointRow.rate_limit,
    func.array(
        select(EndpointSecret.secret)
        .where(
            EndpointSecret.organization_id == ORGANIZATION_ID,
            EndpointSecret.endpoint_id == ENDPOINT_ID,
            or_(EndpointSecret.expires_at.is_(None), EndpointSecret.expires_at > NOW),
        )
        .order_by(EndpointSecret.id.desc())
        .scalar_subquery()
    ),
).where(THIS_ENDPOINT, EndpointRow.state == EndpointState.ENABLED)
HEADS = (
    select(DeliveryRow.sequence, DeliveryRow.day, DeliveryRow.attempts)
    .join(
        SubjectQueue,
        and_(
            SubjectQueue.organization_id == DeliveryRow.organization_id,
            SubjectQueue.endpoint_id == DeliveryRow.endpoint_id,
            SubjectQueue.sequence == DeliveryRow.sequence,
        ),
    )
    .where(SubjectQueue.endpoint_id == ENDPOINT_ID, SubjectQueue.organization_id == ORGANIZATION_ID)
    .where(
        SubjectQueue.due_at <= NOW_FIXED,
        SubjectQueue.subject != all_(bindparam("but", type_=ARRAY(String))),
        ~HAS_BACKFILL,
    )
    .order_by(SubjectQueue.due_at, SubjectQueue.sequence)
    .limit(bindparam("limit", type_=Integer))
)
EVENTS = select(Event).where(
    Event.organization_id == ORGANIZATION_ID,
    Event.day == any_(bindparam("days", type_=ARRAY(Date))),
    Event.sequence == any_(bindparam("sequences", type_=ARRAY(BigInteger))),
)
LOCK_HEALTH = (
    select(
        EndpointRow.failing_since, EndpointRow.told_failing_at, EndpointRow.told_disabling_at, EndpointRow.owner_id, NOW
    )
    .where(THIS_ENDPOINT)
    .with_for_update()
)
RECORD_ATTEMPTS = insert(AttemptRow).execution_options(dml_strategy="raw")
UNCHANGED = (
    DeliveryRow.organization_id == ORGANIZATION_ID,
    DeliveryRow.endpoint_id == ENDPOINT_ID,
    DeliveryRow.sequence == any_(bindparam("sequences", type_=ARRAY(BigInteger))),
    DeliveryRow.state == DeliveryState.WAITING,
    DeliveryRow.attempts == bindparam("found_attempts", type_=SmallInteger),
)
"""The condition that deliveries still wait, with as many failed attempts as when they were taken up."""
FINISH = (
    update(DeliveryRow)
    .where(*UNCHANGED)
    .values(state=bindparam("new_state", type_=String), finished_at=NOW)
    .execution_options(synchronize_session=False)
)
PUT_OFF = (
    update(DeliveryRow)
    .where(*UNCHANGED)
    .values(attempts=DeliveryRow.attempts + 1, due_at=NOW + bindparam("delay", type_=Interval))
    .execution_options(synchronize_session=False)
)
UPDATE_QUEUES = text(
    """
    merge into events.lane using (
        select given.subject, waiting.sequence, waiting.due_at
        from unnest(cast(:subjects as text[])) as given (subject) left join lateral (
            select sequence, due_at from events.delivery
            where endpoint_id = :this_endpoint and organization_id = :this_organization and subject = given.subject
                and state = 'waiting'
            order by sequence limit 1
        ) as waiting on true
    ) as head
    on lane.endpoint_id = :this_endpoint and lane.organization_id = :this_organization and lane.subject = head.subject
    when matched and head.sequence is null then delete
    when matched then update set sequence = head.sequence, due_at = head.due_at
    when not matched and head.sequence is not null then
        insert (endpoint_id, subject, organization_id, sequence, due_at)
        values (:this_endpoint, head.subject, :this_organization, head.sequence, head.due_at)
    """
)


async def begin_drain(session: AsyncSession, endpoint: EndpointRef) -> bool:
    """Records that the endpoint is being drained. False if it is disabled or deleted."""
    noted = await session.execute(
        update(EndpointRow)
        .where(_is(endpoint), EndpointRow.state == EndpointState.ENABLED)
        .values(drain_state=DrainState.DRAINING)
        .returning(EndpointRow.id)
    )
    return noted.first() is not None


async def read_endpoint(session: AsyncSession, endpoint: EndpointRef) -> EndpointToDrain | None:
    """What a drain needs to know of its endpoint; None if that is disabled or deleted."""
    row = (await session.execute(ENDPOINT, _this(endpoint))).first()
    if row is None:
        return None
    url, rate_limit, secrets = row
    return EndpointToDrain(endpoint.endpoint_id, endpoint.organization_id, url, rate_limit, tuple(secrets))


async def read_due(session: AsyncSession, endpoint: EndpointRef, limit: int, but: Collection[str]) -> list[Due]:
    """The heads of the queues that are due, longest due first, except those of the subjects `but`, which are under way.

    There are none while a backfill waits, as its events go before the newer ones of their subjects.
    """
    found = (await session.execute(HEADS, {**_this(endpoint), "limit": limit, "but": list(but)})).all()
    if not found:
        return []
    days, sequences = list({head.day for head in found}), [head.sequence for head in found]
    events = await session.scalars(EVENTS, {**_this(endpoint), "days": days, "sequences": sequences})
    kept = {event.sequence: record_of(event) for event in events}
    return [Due(kept[head.sequence], head.attempts) for head in found if head.sequence in kept]


async def lock_health(session: AsyncSession, endpoint: EndpointRef) -> tuple[Health, UUID, datetime] | None:
    """Locks the endpoint's row. Returns its health, its owner and the time of the database's clock; None if the
    endpoint was deleted."""
    row = (await session.execute(LOCK_HEALTH, _this(endpoint))).first()
    if row is None:
        return None
    failing_since, told_failing_at, told_disabling_at, owner_id, now = row
    return Health(failing_since, told_failing_at, told_disabling_at), owner_id, now


async def record_attempts(session: AsyncSession, endpoint: EndpointRef, outcomes: Sequence[Outcome]) -> None:
    await session.execute(
        RECORD_ATTEMPTS,
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
    """Gives these deliveries a final state. A delivery that was replayed meanwhile, or finished by another drain, stays
    as it is."""
    for attempts in {outcome.due.attempts for outcome in outcomes}:
        of = [outcome for outcome in outcomes if outcome.due.attempts == attempts]
        await session.execute(FINISH, {**_unchanged(endpoint, attempts, of), "new_state": state})


async def put_off(session: AsyncSession, endpoint: EndpointRef, outcome: Outcome, delay: timedelta) -> None:
    """Lets a failed delivery wait for its next attempt."""
    await session.execute(PUT_OFF, {**_unchanged(endpoint, outcome.due.attempts, [outcome]), "delay": delay})


async def update_queues(session: AsyncSession, endpoint: EndpointRef, subjects: Collection[str]) -> None:
    """Makes the queues of these subjects agree with their waiting deliveries. Needs the endpoint's row locked.

    However long a queue is, only its head is read.
    """
    await session.execute(UPDATE_QUEUES, {**_this(endpoint), "subjects": sorted(subjects)})


async def save_verdict(session: AsyncSession, endpoint: EndpointRef, owner_id: UUID, verdict: Verdict) -> None:
    """Stores what the attempts mean for the endpoint, and emits the events that follow. Needs the endpoint's row
    locked."""
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
    """Ends the drain if nothing is due and no backfill waits. Returns whether it ended, and when the next delivery is
    due.

    Needs the endpoint's row locked. So whoever adds a delivery either did so before, or finds that the drain has
    ended."""
    mine = (SubjectQueue.endpoint_id == endpoint.endpoint_id, SubjectQueue.organization_id == endpoint.organization_id)
    found = select(func.min(SubjectQueue.due_at), func.min(SubjectQueue.due_at) <= NOW_FIXED, HAS_BACKFILL).where(*mine)
    next_due_at, due, backfill = (await session.execute(found, _this(endpoint))).one()
    if due or backfill:
        return False, next_due_at
    await session.execute(update(EndpointRow).where(_is(endpoint)).values(drain_state=DrainState.IDLE))
    return True, next_due_at


async def drop_lost(session: AsyncSession, endpoint: EndpointRef) -> None:
    """Drops the deliveries that are due and whose events retention has dropped from the log. Needs the endpoint's row
    locked.

    Retention drops the oldest events, so lost ones are at the heads of queues. A call deals with `QUEUES_AT_ONCE`
    queues.
    """
    gone = DeliveryRow.day < select(func.min(LogDay.day)).scalar_subquery()
    mine = (DeliveryRow.organization_id == endpoint.organization_id, DeliveryRow.endpoint_id == endpoint.endpoint_id)
    heads = select(SubjectQueue.subject).join(
        DeliveryRow,
        and_(DeliveryRow.endpoint_id == SubjectQueue.endpoint_id, DeliveryRow.sequence == SubjectQueue.sequence),
    )
    found = await session.scalars(
        heads.where(
            *mine, SubjectQueue.endpoint_id == endpoint.endpoint_id, SubjectQueue.due_at <= NOW_FIXED, gone
        ).limit(QUEUES_AT_ONCE)
    )
    subjects = set(found)
    if not subjects:
        return
    lost = update(DeliveryRow).where(*mine, DeliveryRow.subject.in_(subjects), DeliveryRow.state == WAITING, gone)
    await session.execute(lost.values(state=DeliveryState.DROPPED, finished_at=NOW))
    await update_queues(session, endpoint, subjects)


def _this(endpoint: EndpointRef) -> dict[str, object]:
    return {"this_endpoint": endpoint.endpoint_id, "this_organization": endpoint.organization_id}


def _unchanged(endpoint: EndpointRef, attempts: int, outcomes: Sequence[Outcome]) -> dict[str, object]:
    """The parameters for the condition `UNCHANGED`."""
    sequences = [outcome.due.event.sequence for outcome in outcomes]
    return {**_this(endpoint), "sequences": sequences, "found_attempts": attempts}


def _is(endpoint: EndpointRef) -> ColumnElement[bool]:
    return and_(EndpointRow.id == endpoint.endpoint_id, EndpointRow.organization_id == endpoint.organization_id)
