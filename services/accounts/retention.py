"""What accounts deletes when its time is over, and with it the answers of requests, which belong to no service."""

from services.accounts.store.retention import delete_answers, delete_codes, delete_sessions
from shared.database import Database
from shared.retention import Ages, delete_all


async def purge(database: Database, ages: Ages) -> dict[str, int]:
    return {
        "sessions": await delete_all(database, delete_sessions),
        "sign_in_codes": await delete_all(database, delete_codes),
        "idempotency_keys": await delete_all(database, delete_answers),
    }
