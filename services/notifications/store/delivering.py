"""The SQL of deliveries: leasing messages that are due, and recording what became of them. Functions never commit."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import ARRAY, ColumnElement, Uuid, and_, any_, func, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.models import MessageRow
from services.notifications.rules.messages import Channel, ClaimedMessage, MessageState
from services.notifications.store.holding import read_hold
from shared.contracts.events import MessageFailed
from shared.contracts.notifications import Delivery, Template
from shared.contracts.round_kinds import untold_reminders
from shared.events import emit
from shared.telemetry.metrics import MESSAGES, REGISTRY

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=10)
"""How long a message is leased for at a time. The lease of a delivery that has died ends by then."""
NO_LEASE: dict[str, Any] = {"lease": None, "leased_until": None}


class Expired(NamedTuple):
    """A message whose lease has ended, and when. If that is still so later, whoever leased it is dead."""

    id: UUID
    leased_until: datetime


async def claim(
    session: AsyncSession,
    organization_id: UUID,
    announcement_id: UUID,
    lease: UUID,
    now: datetime,
    limit: int,
    dead: Collection[Expired] = (),
    before: Collection[UUID] = (),
) -> list[ClaimedMessage]:
    """Leases messages that are due and that nobody else has, whose lease is `dead`, or is one of those `before` and has
    ended. What this lease has already was left over by the batch before. Those with the fewest attempts come first, so
    that one that fails holds up no other."""
    order = (MessageRow.attempts, MessageRow.due_at, MessageRow.id)
    free = (
        select(MessageRow.id)
        .where(
            *_due(organization_id, announcement_id, now),
            or_(
                MessageRow.leased_until.is_(None),
                MessageRow.lease == lease,
                tuple_(MessageRow.id, MessageRow.leased_until).in_([tuple(one) for one in dead]),
                and_(MessageRow.lease.in_(before), MessageRow.leased_until < func.clock_timestamp()),
            ),
        )
        .order_by(*order)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    columns = (
        MessageRow.cycle_id,
        MessageRow.person_id,
        MessageRow.template,
        MessageRow.channel,
        MessageRow.message_id,
        MessageRow.deferrals,
    )
    found = await session.execute(
        update(MessageRow)
        .where(MessageRow.organization_id == organization_id, MessageRow.id.in_(select(free.c.id)))
        .values(lease=lease, leased_until=func.clock_timestamp() + LEASE)
        .returning(*order, *columns)
        .execution_options(synchronize_session=False)
    )
    return [
        ClaimedMessage(
            id=row.id,
            organization_id=organization_id,
            cycle_id=row.cycle_id,
            person_id=row.person_id,
            template=Template(row.template),
            channel=Channel(row.channel),
            message_id=row.message_id,
            due_at=row.due_at,
            deferrals=row.deferrals,
            lease=lease,
        )
        for row in sorted(found, key=lambda row: (row.attempts, row.due_at, row.id))
    ]


async def read_expired(
    session: AsyncSession, organization_id: UUID, announcement_id: UUID, now: datetime, limit: int
) -> list[Expired]:
    """Messages that are due and whose lease has ended. A row that somebody works on is left out: it may be told in the
    next moment that it was sent."""
    found = await session.execute(
        select(MessageRow.id, MessageRow.leased_until)
        .where(*_due(organization_id, announcement_id, now), MessageRow.leased_until < func.clock_timestamp())
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [Expired(id, leased_until) for id, leased_until in found if leased_until is not None]


async def others_have(session: AsyncSession, organization_id: UUID, announcement_id: UUID, now: datetime) -> bool:
    """Whether messages are due that another delivery has leased, so that they are its to send or, once it has died, to
    wait for."""
    held = select(MessageRow.id).where(
        *_due(organization_id, announcement_id, now), MessageRow.leased_until.is_not(None)
    )
    return bool(await session.scalar(select(held.exists())))


async def renew(session: AsyncSession, organization_id: UUID, announcement_id: UUID, lease: UUID) -> None:
    """Keeps what this delivery has leased and not yet dealt with. It waits for nobody: a row that is being changed just
    now is left out, and nobody else leases it either."""
    free = (
        select(MessageRow.id)
        .where(*_leased_by(organization_id, announcement_id, lease))
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    await session.execute(
        update(MessageRow)
        .where(MessageRow.organization_id == organization_id, MessageRow.id.in_(select(free.c.id)))
        .values(leased_until=func.clock_timestamp() + LEASE)
        .execution_options(synchronize_session=False)
    )


async def release(session: AsyncSession, organization_id: UUID, announcement_id: UUID, lease: UUID) -> None:
    """Gives back what this delivery has leased and not sent, so that the next one need not wait."""
    await session.execute(
        update(MessageRow)
        .where(*_leased_by(organization_id, announcement_id, lease))
        .values(**NO_LEASE)
        .execution_options(synchronize_session=False)
    )


async def mark_sent(session: AsyncSession, messages: Sequence[ClaimedMessage], now: datetime) -> None:
    """Records that the channel has taken these messages of one organization. That is so whoever has leased them
    meanwhile."""
    sent: dict[str, Any] = {"state": MessageState.SENT, "failure_code": None, "sent_at": now}
    await _set(session, messages, **sent, attempts=MessageRow.attempts + 1)
    for message in messages:
        told = {"organization_id": str(message.organization_id)}
        if message.cycle_id is not None:
            told["cycle_id"] = str(message.cycle_id)
        if message.template not in untold_reminders():
            # The id follows from round, template and person: that of a reminder would tell who has not answered.
            told["message_id"] = str(message.id)
        REGISTRY.count(MESSAGES, MessageState.SENT.value)
        log.info("message.sent", template=message.template.value, channel=message.channel.value, **told)


async def mark_failed(session: AsyncSession, message: ClaimedMessage, code: str) -> None:
    """Records that the message will never arrive. Emits `message.failed` if it belongs to a cycle, as that event names
    the cycle. The failure of another message stands in its row only, and so does that of a reminder which would tell
    who has not answered."""
    failed: dict[str, Any] = {"state": MessageState.FAILED, "failure_code": code, "attempts": MessageRow.attempts + 1}
    if not await _set(session, [message], *_still(message), **failed):
        return
    REGISTRY.count(MESSAGES, MessageState.FAILED.value)
    if message.cycle_id is None or message.template in untold_reminders():
        return
    await emit(
        session,
        message.organization_id,
        MessageFailed(
            message_id=message.id,
            cycle_id=message.cycle_id,
            person_id=message.person_id,
            template=message.template,
            code=code,
        ),
    )


async def mark_dropped(session: AsyncSession, message: ClaimedMessage, code: str) -> None:
    await _set(session, [message], *_still(message), state=MessageState.DROPPED, failure_code=code)


async def postpone(session: AsyncSession, message: ClaimedMessage, due_at: datetime) -> None:
    """Records that the channel put the message off, and when it is tried again."""
    counted = {"attempts": MessageRow.attempts + 1, "deferrals": MessageRow.deferrals + 1}
    await _set(session, [message], *_still(message), due_at=due_at, **counted)


async def reschedule(session: AsyncSession, message: ClaimedMessage, due_at: datetime) -> None:
    """Lets the message wait for its reader's sending hours. This counts as no attempt."""
    await _set(session, [message], *_still(message), due_at=due_at)


async def count_attempt(session: AsyncSession, message: ClaimedMessage) -> None:
    """Records an attempt that failed, so that other messages go first now."""
    await _set(session, [message], *_still(message), attempts=MessageRow.attempts + 1)


async def drop_some(session: AsyncSession, organization_id: UUID, announcement_id: UUID, code: str, limit: int) -> int:
    """Gives up this many messages of the announcement that have not been sent, and returns how many. They are fewer
    only if there are no more."""
    some = (
        select(MessageRow.id)
        .where(
            MessageRow.organization_id == organization_id,
            MessageRow.announcement_id == announcement_id,
            MessageRow.state == MessageState.WAITING,
        )
        .limit(limit)
        .with_for_update()
        .cte("some")
    )
    found = await session.scalars(
        update(MessageRow)
        .where(MessageRow.organization_id == organization_id, MessageRow.id.in_(select(some.c.id)))
        .values(state=MessageState.DROPPED, failure_code=code, **NO_LEASE)
        .returning(MessageRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(found.all())


async def read_delivery(session: AsyncSession, organization_id: UUID, announcement_id: UUID) -> Delivery:
    """How far the announcement has come, over all deliveries so far, and when the next one has something to do."""
    found = await session.execute(
        select(MessageRow.state, func.count(), func.min(MessageRow.due_at))
        .where(MessageRow.organization_id == organization_id, MessageRow.announcement_id == announcement_id)
        .group_by(MessageRow.state)
    )
    states = {state: (messages, due_at) for state, messages, due_at in found}
    waiting, next_due_at = states.get(MessageState.WAITING, (0, None))
    held_until = (await read_hold(session, organization_id, announcement_id)).until
    if next_due_at is not None and held_until is not None:
        next_due_at = max(next_due_at, held_until)
    return Delivery(
        sent=states.get(MessageState.SENT, (0, None))[0],
        failed=states.get(MessageState.FAILED, (0, None))[0],
        waiting=waiting,
        next_due_at=next_due_at,
    )


def _due(organization_id: UUID, announcement_id: UUID, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        MessageRow.organization_id == organization_id,
        MessageRow.announcement_id == announcement_id,
        MessageRow.state == MessageState.WAITING,
        MessageRow.due_at <= now,
    )


def _still(message: ClaimedMessage) -> tuple[ColumnElement[bool], ...]:
    """That the message waits, and that nobody else has leased it meanwhile."""
    return MessageRow.state == MessageState.WAITING, MessageRow.lease == message.lease


def _leased_by(organization_id: UUID, announcement_id: UUID, lease: UUID) -> tuple[ColumnElement[bool], ...]:
    return (
        MessageRow.organization_id == organization_id,
        MessageRow.announcement_id == announcement_id,
        MessageRow.state == MessageState.WAITING,
        MessageRow.lease == lease,
    )


async def _set(
    session: AsyncSession, messages: Sequence[ClaimedMessage], *conditions: ColumnElement[bool], **values: Any
) -> int:
    """Changes messages of one organization, and ends their lease. Returns how many there were."""
    found = await session.scalars(
        update(MessageRow)
        .where(
            MessageRow.organization_id == messages[0].organization_id,
            MessageRow.id == any_(literal([message.id for message in messages], ARRAY(Uuid()))),
            *conditions,
        )
        .values(**values, **NO_LEASE)
        .returning(MessageRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(found.all())
