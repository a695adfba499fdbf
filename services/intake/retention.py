"""What intake deletes when its time is over."""

import structlog

from services.intake.store import uploads
from services.intake.store.retention import delete_links
from shared.database import Database
from shared.retention import Ages, delete_all

log = structlog.get_logger(__name__)


async def purge_soon(database: Database) -> int:
    """Deletes what is kept of files whose hour is over, and says of how many."""
    async with database.transaction() as session:
        dropped = await uploads.drop_expired(session)
    if dropped:
        log.info("uploads.purged", count=dropped)
    return dropped


async def purge(database: Database, ages: Ages) -> dict[str, int]:
    """Deletes links that expired long ago."""
    return {"links": await delete_all(database, delete_links)}
