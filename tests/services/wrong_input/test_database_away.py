"""While Postgres is away, or its disk is full, every route says 503 and when to come again, and none 500."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import event

from shared.database import Database
from tests.services.wrong_input.attempts import Attempts
from tests.services.wrong_input.public_routes import ROWS

SAVEPOINTS = ("SAVEPOINT", "RELEASE", "ROLLBACK")
CALLER = ("access_key", "session")
"""Tables that say who calls. To them Postgres answers, so that the routes themselves are tried."""
WRITES = ("INSERT", "UPDATE", "DELETE", "WITH")


@contextmanager
def failing(database: Database, error: Exception, fails: Callable[[str], bool]) -> Iterator[None]:
    """Statements of this kind get this answer of Postgres."""
    engine = database.engine.sync_engine

    def answer(_cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(SAVEPOINTS) and fails(statement):
            raise error

    event.listen(engine, "do_execute", answer)
    event.listen(engine, "do_executemany", answer)
    try:
        yield
    finally:
        event.remove(engine, "do_execute", answer)
        event.remove(engine, "do_executemany", answer)


def about_the_caller(statement: str) -> bool:
    return any(f".{table}" in statement for table in CALLER)


async def test_while_postgres_is_away_every_route_that_asks_it_is_503(attempts: Attempts, database: Database) -> None:
    away = psycopg.OperationalError("server closed the connection unexpectedly")
    tried = 0
    with failing(database, away, lambda statement: not about_the_caller(statement)):
        for row in ROWS:
            if row.method == "GET":
                answer = await attempts.call(row)
                if answer.status_code != 200:  # it needs no database
                    attempts.expect(row, answer, 503)
                    assert int(answer.headers["retry-after"]) > 0, row
                    tried += 1
    attempts.done()
    assert tried > 30


async def test_while_the_disk_is_full_everything_that_is_to_be_stored_is_503(
    attempts: Attempts, database: Database
) -> None:
    await attempts.call(ROWS[0])  # so that the use of the key has been noted, and is not what is to be stored
    full, written, tried = psycopg.errors.DiskFull("could not extend file"), list[str](), 0

    def writes(statement: str) -> bool:
        if statement.startswith(WRITES):
            written.append(statement)
        return statement.startswith(WRITES)

    with failing(database, full, writes):
        for row in ROWS:
            if row.method != "GET" and row.stores and not row.own:
                written.clear()
                answer = await attempts.call(row)
                if written:  # it is neither refused for what is there, nor is it so already
                    attempts.expect(row, answer, 503)
                    assert int(answer.headers["retry-after"]) > 0, row
                    tried += 1
    attempts.done()
    assert tried > 30
