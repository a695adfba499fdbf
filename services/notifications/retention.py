"""What notifications delete when it is history. Whoever was sent something is told by no other table."""

from functools import partial

from services.notifications.store.retention import delete_announcements, delete_messages
from shared.database import Database
from shared.retention import Ages, delete_all


async def purge(database: Database, ages: Ages) -> dict[str, int]:
    return {
        "messages": await delete_all(database, partial(delete_messages, age=ages.history)),
        "announcements": await delete_all(database, partial(delete_announcements, age=ages.history)),
    }
