"""The SQL of announcements and of their messages, as they are prepared and listed. Functions never commit."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, cast
from uuid import UUID

from sqlalchemy import ARRAY, Table, column, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.models import AnnouncementRow, MessageRow
from services.notifications.resources import FailedMessage, Message, MessageCount, MessagePage
from services.notifications.rules.disclosure import invitations_not_listed
from services.notifications.rules.messages import (
    Channel,
    MessageState,
    NewMessage,
    StoredAnnouncement,
    message_id,
    message_uuid,
)
from services.notifications.rules.waiting import waiting_for
from shared.contracts.notifications import Announcement, Audience, Template
from shared.contracts.round_kinds import untold_reminders
from shared.contracts.rounds import RoundKind
from shared.errors import NotFound
from shared.http.lists import Column, Page, equal, read_page

COLUMNS: dict[str, Column] = {"due_at": MessageRow.due_at}
"""Those by which messages are sorted."""
_LISTED = (
    MessageRow.template.not_in(untold_reminders()),
    or_(MessageRow.state != MessageState.DROPPED, MessageRow.template.not_in(invitations_not_listed())),
)
"""The messages that may be listed. A cursor counts among these alone: everybody can compute the id of a message, and
would learn from the answer whether it exists."""


class AnnouncementNotFound(NotFound):
    code = "announcement_not_found"


class WantedMessages(NamedTuple):
    """Which messages somebody looks for. None, and no values, stand for any."""

    cycle_id: UUID | None = None
    person_id: UUID | None = None
    templates: list[Template] | None = None
    states: list[MessageState] | None = None
    people: Sequence[UUID] | None = None


async def save_announcement(session: AsyncSession, announcement: Announcement) -> None:
    """Stores the announcement once; a repeat changes nothing."""
    await session.execute(
        insert(AnnouncementRow)
        .values(id=announcement.id, **announcement.model_dump(mode="python", exclude={"again"}))
        .on_conflict_do_nothing()
    )


async def add_messages(
    session: AsyncSession, announcement: Announcement, messages: Sequence[NewMessage], mail_domain: str
) -> None:
    """Stores the messages that are not there yet (natural key: scope, person, template, occurrence)."""
    given = {
        "id": [message_uuid(announcement, message.person_id) for message in messages],
        "person_id": [message.person_id for message in messages],
        "channel": [message.channel.value for message in messages],
        "message_id": [message_id(announcement, message.person_id, mail_domain) for message in messages],
        "due_at": [message.due_at for message in messages],
    }
    same = {
        "organization_id": announcement.organization_id,
        "announcement_id": announcement.id,
        "cycle_id": announcement.cycle_id,
        "scope_id": announcement.scope_id,
        "template": announcement.template.value,
        "occurrence": announcement.occurrence,
    }
    table = cast(Table, MessageRow.__table__)
    types = {name: table.c[name].type for name in given | same}
    arrays = (literal(values, ARRAY(types[name])) for name, values in given.items())
    rows = func.unnest(*arrays).table_valued(*(column(name, types[name]) for name in given)).render_derived("given")
    shared = [literal(value, types[name]) for name, value in same.items()]
    # One statement, which has the same text for any number of messages (decision 0015).
    await session.execute(insert(table).from_select([*given, *same], select(*rows.c, *shared)).on_conflict_do_nothing())


async def read_announcement(session: AsyncSession, organization_id: UUID, announcement_id: UUID) -> StoredAnnouncement:
    """Raises AnnouncementNotFound."""
    row = await session.scalar(
        select(AnnouncementRow).where(
            AnnouncementRow.organization_id == organization_id, AnnouncementRow.id == announcement_id
        )
    )
    if row is None:
        raise AnnouncementNotFound("There is no such announcement; prepare its messages first.")
    return StoredAnnouncement(announcement_of(row), row.created_at)


def announcement_of(row: AnnouncementRow) -> Announcement:
    return Announcement(
        organization_id=row.organization_id,
        cycle_id=row.cycle_id,
        scope_id=row.scope_id,
        template=Template(row.template),
        audience=Audience(row.audience),
        round_kind=RoundKind(row.round_kind) if row.round_kind else None,
        occurrence=row.occurrence,
        person_id=row.person_id,
    )


async def read_counts(session: AsyncSession, organization_id: UUID, cycle_id: UUID) -> list[MessageCount]:
    """How many messages of the cycle there are, by template and state. Reminders that would tell who has not answered
    are counted together, whatever their state is."""
    found = await session.execute(
        select(MessageRow.template, MessageRow.state, func.count())
        .where(MessageRow.organization_id == organization_id, MessageRow.cycle_id == cycle_id)
        .group_by(MessageRow.template, MessageRow.state)
        .order_by(MessageRow.template, MessageRow.state)
    )
    untold = untold_reminders()
    counts = Counter[tuple[Template, MessageState | None]]()
    for template, state, messages in found:
        counts[Template(template), None if template in untold else MessageState(state)] += messages
    return [MessageCount(template=template, state=state, messages=n) for (template, state), n in counts.items()]


async def read_failed(
    session: AsyncSession, organization_id: UUID, cycle_id: UUID, after: UUID | None, limit: int
) -> list[FailedMessage]:
    """Failed messages of the cycle, in the order of their ids. Reminders that would tell who has not answered are not
    among them."""
    query = select(MessageRow).where(
        MessageRow.organization_id == organization_id,
        MessageRow.cycle_id == cycle_id,
        MessageRow.state == MessageState.FAILED,
        MessageRow.template.not_in(untold_reminders()),
    )
    if after is not None:
        query = query.where(MessageRow.id > after)
    found = await session.scalars(query.order_by(MessageRow.id).limit(limit))
    return [
        FailedMessage(
            id=row.id,
            person_id=row.person_id,
            template=Template(row.template),
            occurrence=row.occurrence,
            code=row.failure_code or "",
            attempts=row.attempts,
        )
        for row in found
    ]


async def list_messages(
    session: AsyncSession, organization_id: UUID, wanted: WantedMessages, paused: Collection[UUID], page: Page
) -> MessagePage:
    """One page of the messages that may be listed. `paused` are the cycles that are paused. Raises BadRequest for an
    unknown cursor."""
    now = datetime.now(UTC)
    found = await read_page(
        session,
        select(MessageRow, AnnouncementRow.created_at, AnnouncementRow.held_code).join(
            AnnouncementRow, AnnouncementRow.id == MessageRow.announcement_id
        ),
        page,
        key=MessageRow.id,
        columns=COLUMNS,
        scope=[MessageRow.organization_id == organization_id, *_LISTED],
        filters=[
            *equal(MessageRow.cycle_id, wanted.cycle_id),
            *equal(MessageRow.person_id, wanted.person_id),
            *equal(MessageRow.template, wanted.templates),
            *equal(MessageRow.state, wanted.states),
            *([] if wanted.people is None else [MessageRow.person_id.in_(wanted.people)]),
        ],
    )
    items = [_message(row, announced_at, held, paused, now) for row, announced_at, held in found.rows]
    return MessagePage(items=items, next=found.next, total=found.total)


def _message(
    row: MessageRow, announced_at: datetime, held: str | None, paused: Collection[UUID], now: datetime
) -> Message:
    waits = row.state == MessageState.WAITING
    return Message(
        id=row.id,
        cycle_id=row.cycle_id,
        person_id=row.person_id,
        template=Template(row.template),
        occurrence=row.occurrence,
        channel=Channel(row.channel),
        state=MessageState(row.state),
        announced_at=announced_at,
        due_at=row.due_at,
        sent_at=row.sent_at,
        attempts=row.attempts,
        code=row.failure_code,
        waiting_for=waiting_for(
            row.due_at,
            row.attempts,
            row.deferrals,
            paused=row.cycle_id in paused,
            refused=held is not None,
            now=now,
        )
        if waits
        else None,
    )
