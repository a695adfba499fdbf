"""Postgres ends what takes too long, so that nobody else waits for it."""

from sqlalchemy import text

from shared.config import Settings
from shared.database import LIMITS, Database


async def test_every_connection_of_the_pool_has_limits(settings: Settings) -> None:
    database = Database(settings.database_url, pool_size=2)
    async with database.transaction() as one, database.transaction() as other:
        for session in (one, other):
            for name, limit in LIMITS.items():
                found = await session.scalar(
                    text("select setting::int from pg_settings where name = :name"), {"name": name}
                )
                assert found == 1000 * int(limit.removesuffix("s")) > 0
    await database.close()


def test_statements_locks_and_idle_transactions_are_limited() -> None:
    assert set(LIMITS) == {"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"}
