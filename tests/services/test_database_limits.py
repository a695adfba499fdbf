"""Postgres ends what takes too long, so that nobody else waits for it; and what it has ended is not used again."""

from unittest.mock import Mock

import pytest
from sqlalchemy import text

from shared.config import Settings
from shared.database import LIMITS, Database, reading_together


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


async def test_a_connection_that_postgres_ended_is_replaced(settings: Settings) -> None:
    database, other = Database(settings.database_url, pool_size=2), Database(settings.database_url, pool_size=1)
    async with database.transaction() as one:
        ended = await one.scalar(text("select pg_backend_pid()"))
    async with other.transaction() as one:
        await one.scalar(text("select pg_terminate_backend(:ended, 10000)"), {"ended": ended})
    async with database.transaction() as one:
        assert await one.scalar(text("select pg_backend_pid()")) != ended
    await database.close()
    await other.close()


async def test_a_request_tries_out_a_connection_once_and_notices_when_it_ends(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Database(settings.database_url, pool_size=1)
    dialect, tried = type(other.engine.sync_engine.dialect), Mock(wraps=other.engine.sync_engine.dialect.do_ping)
    monkeypatch.setattr(dialect, "do_ping", lambda _, connection: tried(connection))
    database, ours = Database(settings.database_url, pool_size=2), text("select pg_backend_pid()")
    async with database.transaction() as one:
        first = await one.scalar(ours)
    for times in (1, 2):
        async with reading_together():
            for _ in range(3):
                async with database.single_statements() as one:
                    assert await one.scalar(ours) == first
        assert tried.call_count == times
    async with reading_together():
        for ends in (True, False):
            async with database.single_statements() as one:
                before = await one.scalar(ours)
            if ends:
                async with other.transaction() as one:
                    await one.scalar(text("select pg_terminate_backend(:ended, 10000)"), {"ended": before})
            async with database.transaction() as one:
                assert (await one.scalar(ours) == before) is not ends
    await database.close()
    await other.close()


async def test_single_statements_leave_no_transaction_open_and_the_connection_is_as_before(settings: Settings) -> None:
    database, other = Database(settings.database_url, pool_size=1), Database(settings.database_url, pool_size=1)
    state = text("select state from pg_stat_activity where pid = :ours")
    for opened, expected in ((database.single_statements, "idle"), (database.transaction, "idle in transaction")):
        async with opened() as session, other.transaction() as watching:
            ours = await session.scalar(text("select pg_backend_pid()"))
            assert await watching.scalar(state, {"ours": ours}) == expected
    await database.close()
    await other.close()
