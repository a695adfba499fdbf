"""Giving up what an announcement has not sent yet: its round is over, or nobody needs it any more."""

from uuid import UUID

from temporalio import activity

from services.notifications.store import delivering, unfinished
from shared.database import Database

AT_ONCE = 1000
"""So many messages are given up in one transaction, so that nobody waits long for their rows."""


async def drop_waiting(database: Database, organization_id: UUID, announcement_id: UUID, code: str) -> int:
    """Gives up every message of the announcement that has not been sent, and returns how many this call gave up. None
    is prepared from then on. An activity sends a heartbeat after each batch."""
    async with database.transaction() as session:
        await unfinished.note_prepared(session, organization_id, announcement_id)
    dropped = 0
    while True:
        async with database.transaction() as session:
            some = await delivering.drop_some(session, organization_id, announcement_id, code, AT_ONCE)
        dropped += some
        if some < AT_ONCE:
            return dropped
        if activity.in_activity():
            activity.heartbeat()
