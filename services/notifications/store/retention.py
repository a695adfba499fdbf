"""SQL that deletes messages and announcements that are history."""

from datetime import timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.models import AnnouncementRow, MessageRow
from services.notifications.rules.messages import MessageState
from shared.retention import delete_some


async def delete_messages(session: AsyncSession, age: timedelta) -> int:
    """One that still waits stays, however old it is."""
    return await delete_some(
        session, MessageRow, MessageRow.due_at < func.now() - age, MessageRow.state != MessageState.WAITING
    )


async def delete_announcements(session: AsyncSession, age: timedelta) -> int:
    """Those whose messages have gone."""
    messages = select(MessageRow.id).where(
        MessageRow.organization_id == AnnouncementRow.organization_id,
        MessageRow.announcement_id == AnnouncementRow.id,
    )
    return await delete_some(session, AnnouncementRow, AnnouncementRow.created_at < func.now() - age, ~exists(messages))
