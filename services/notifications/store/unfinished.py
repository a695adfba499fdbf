"""SQL of the announcements that are not finished: some of their messages wait, or were never prepared."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.models import AnnouncementRow, MessageRow
from services.notifications.rules.messages import MessageState
from services.notifications.store.messages import announcement_of
from shared.contracts.notifications import Announcement
from shared.contracts.programs import CycleRef
from shared.contracts.recovery.facts import TOLD_BY_OTHERS, AnnouncementsFound, AnnouncementStanding
from shared.contracts.rounds import RoundState
from shared.rounds.models import Round

WAITS = (
    select(MessageRow.id)
    .where(
        MessageRow.organization_id == AnnouncementRow.organization_id,
        MessageRow.announcement_id == AnnouncementRow.id,
        MessageRow.state == MessageState.WAITING,
    )
    .exists()
)
UNFINISHED: ColumnElement[bool] = or_(AnnouncementRow.prepared_at.is_(None), WAITS)
MOST = 500
"""So many announcements of one cycle are found. A cycle makes a few for each of its rounds."""


async def is_prepared(session: AsyncSession, announcement: Announcement) -> bool:
    """Whether nothing is prepared any more: all messages of the announcement are stored, or were given up. One that was
    prepared for nobody may be prepared again: a preparation that began before Postgres was restored to an earlier
    moment finds nobody, as its round is not there yet. Locks the announcement, so that the answer stays true as long as
    the transaction lasts. It must be stored."""
    query = select(AnnouncementRow.prepared_at).where(
        AnnouncementRow.organization_id == announcement.organization_id, AnnouncementRow.id == announcement.id
    )
    # The lock is one that lets others store messages that point to this row, and send them.
    prepared_at = (await session.scalars(query.with_for_update(key_share=True))).one()
    has_messages = select(MessageRow.id).where(
        MessageRow.organization_id == announcement.organization_id, MessageRow.announcement_id == announcement.id
    )
    return prepared_at is not None and bool(await session.scalar(select(has_messages.exists())))


async def note_prepared(session: AsyncSession, organization_id: UUID, announcement_id: UUID) -> None:
    """Records that all messages of the announcement are stored, or that the others are not needed any more."""
    await session.execute(
        update(AnnouncementRow)
        .where(
            AnnouncementRow.organization_id == organization_id,
            AnnouncementRow.id == announcement_id,
            AnnouncementRow.prepared_at.is_(None),
        )
        .values(prepared_at=func.now())
    )


async def find_announcements(session: AsyncSession, ref: CycleRef) -> AnnouncementsFound:
    """What the cycle and its rounds have announced: what is unfinished, and everything about rounds that are open."""
    open_rounds = select(Round.id).where(
        Round.organization_id == ref.organization_id, Round.cycle_id == ref.cycle_id, Round.state == RoundState.OPEN
    )
    found = await session.execute(
        select(AnnouncementRow, UNFINISHED.label("unfinished"))
        .where(
            AnnouncementRow.organization_id == ref.organization_id,
            AnnouncementRow.cycle_id == ref.cycle_id,
            AnnouncementRow.template.not_in(TOLD_BY_OTHERS),
            or_(UNFINISHED, AnnouncementRow.scope_id.in_(open_rounds)),
        )
        .order_by(AnnouncementRow.created_at, AnnouncementRow.id)
        .limit(MOST)
    )
    return AnnouncementsFound(
        announcements=tuple(
            AnnouncementStanding(announcement=announcement_of(row), unfinished=unfinished) for row, unfinished in found
        )
    )


async def read_unfinished(session: AsyncSession) -> Sequence[Announcement]:
    """The unfinished announcements of all organizations."""
    found = await session.scalars(
        select(AnnouncementRow).where(UNFINISHED).order_by(AnnouncementRow.created_at, AnnouncementRow.id)
    )
    return [announcement_of(row) for row in found]
