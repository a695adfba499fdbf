"""The SQL of announcements that wait because the mail server refuses everybody, and of messages that are sent again.
Functions never commit."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.models import AnnouncementRow, MessageRow
from services.notifications.rules.messages import FIRST_PAUSE, LONGEST_PAUSE, LONGEST_WAIT, MessageState
from shared.contracts.events import AnnouncementHeld, AnnouncementRetried
from shared.contracts.notifications import Audience, Template
from shared.contracts.round_kinds import untold_reminders
from shared.errors import NotFound
from shared.events import emit


class MessageNotFound(NotFound):
    code = "message_not_found"


class Hold(NamedTuple):
    """Why and until when an announcement waits."""

    code: str | None
    """The refusal that everybody got. It stays until a message is taken again."""
    until: datetime | None


async def read_hold(session: AsyncSession, organization_id: UUID, announcement_id: UUID) -> Hold:
    found = await session.execute(
        select(AnnouncementRow.held_code, AnnouncementRow.held_until).where(*_is(organization_id, announcement_id))
    )
    row = found.one_or_none()
    return Hold(None, None) if row is None else Hold(row.held_code, row.held_until)


async def hold(session: AsyncSession, organization_id: UUID, announcement_id: UUID, code: str) -> None:
    """Lets the announcement wait: a minute, and twice as long each time, up to an hour. Its messages that were refused
    in the same way wait again too, but for those that were given up. When it begins to wait, `announcement.held` is
    emitted if it belongs to a cycle."""
    now = datetime.now(UTC)
    row = await session.scalar(select(AnnouncementRow).where(*_is(organization_id, announcement_id)).with_for_update())
    if row is None or (row.held_until is not None and row.held_until > now):
        return
    begins, pause = row.held_code is None, min(FIRST_PAUSE * (1 << min(row.holds, 10)), LONGEST_PAUSE)
    row.held_code, row.held_until, row.holds = code, now + pause, row.holds + 1
    await session.flush()
    await session.execute(
        update(MessageRow)
        .where(
            MessageRow.organization_id == organization_id,
            MessageRow.announcement_id == announcement_id,
            MessageRow.state == MessageState.FAILED,
            MessageRow.failure_code == code,
            MessageRow.due_at >= now - LONGEST_WAIT,
        )
        .values(state=MessageState.WAITING, failure_code=None)
        .execution_options(synchronize_session=False)
    )
    if begins and row.cycle_id is not None and row.template != Template.MESSAGES_HELD:
        held = AnnouncementHeld(announcement_id=announcement_id, cycle_id=row.cycle_id, code=code)
        await emit(session, organization_id, held)


async def lift(session: AsyncSession, organization_id: UUID, announcement_id: UUID) -> None:
    """Ends the waiting: the mail server takes messages again."""
    await session.execute(
        update(AnnouncementRow)
        .where(*_is(organization_id, announcement_id))
        .values(held_code=None, held_until=None)
        .execution_options(synchronize_session=False)
    )


async def resend_one(session: AsyncSession, organization_id: UUID, message_id: UUID) -> int:
    """Sends a failed message again, and returns 1; 0 if it has not failed. Raises MessageNotFound, also for a reminder
    of which nobody may know whether it failed."""
    found = await session.scalar(
        select(MessageRow.id).where(
            MessageRow.organization_id == organization_id,
            MessageRow.id == message_id,
            MessageRow.template.not_in(untold_reminders()),
        )
    )
    if found is None:
        raise MessageNotFound("There is no such message.")
    return await _resend(session, organization_id, MessageRow.id == message_id)


async def resend_all(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> int:
    """Sends the failed messages of a cycle again, and returns how many there are. Raises MessageNotFound if the cycle
    has no messages at all."""
    of_cycle = MessageRow.organization_id == organization_id, MessageRow.cycle_id == cycle_id
    if await session.scalar(select(MessageRow.id).where(*of_cycle).limit(1)) is None:
        raise MessageNotFound("This cycle has no messages.")
    return await _resend(session, organization_id, MessageRow.cycle_id == cycle_id)


async def _resend(session: AsyncSession, organization_id: UUID, *wanted: ColumnElement[bool]) -> int:
    """They wait again, as if they had never been tried, and an event starts their delivery."""
    failed = (
        MessageRow.organization_id == organization_id,
        MessageRow.state == MessageState.FAILED,
        MessageRow.template.not_in(untold_reminders()),
        *wanted,
    )
    announcements = (await session.scalars(select(MessageRow.announcement_id).where(*failed).distinct())).all()
    rows = (
        await session.scalars(
            select(AnnouncementRow)
            .where(AnnouncementRow.organization_id == organization_id, AnnouncementRow.id.in_(announcements))
            .order_by(AnnouncementRow.id)
            .with_for_update()
        )
    ).all()
    found = await session.scalars(
        update(MessageRow)
        .where(*failed, MessageRow.announcement_id.in_(announcements))
        .values(state=MessageState.WAITING, failure_code=None, due_at=datetime.now(UTC), attempts=0, deferrals=0)
        .returning(MessageRow.announcement_id)
        .execution_options(synchronize_session=False)
    )
    resent: Collection[UUID] = found.all()
    retried = [_retried(row) for row in rows if row.id in set(resent)]
    await emit(session, organization_id, *retried)
    return len(resent)


def _retried(row: AnnouncementRow) -> AnnouncementRetried:
    return AnnouncementRetried(
        announcement_id=row.id,
        cycle_id=row.cycle_id,
        scope_id=row.scope_id,
        template=Template(row.template),
        audience=Audience(row.audience),
        occurrence=row.occurrence,
    )


def _is(organization_id: UUID, announcement_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return AnnouncementRow.organization_id == organization_id, AnnouncementRow.id == announcement_id
