"""SQL that deletes what intake no longer needs."""

from datetime import timedelta

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import Link
from shared.retention import delete_some

EXPIRED_SINCE = timedelta(days=30)
"""For so long somebody who opens a link that has expired is told so. After that it is not known any more."""


async def delete_links(session: AsyncSession) -> int:
    return await delete_some(session, Link, Link.expires_at < func.now() - EXPIRED_SINCE)
