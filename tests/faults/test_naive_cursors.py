"""The control of the event log's tests: the same ledgers catch each cursor over insertion ids, and not the sequencer.

Three schedules of two transactions show each cursor's fault every time; then writers at random show them all.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bench.ledger import Comparison, Fact, compare
from shared.database import Database
from tests.clusters import copy_cluster
from tests.faults.naive_cursors import CURSORS, SEQUENCED, TABLE, NaiveReader, SequencedReader, tell
from upward.embedded import EmbeddedPostgres

WRITERS, SUBJECTS, ROUNDS, MOST_ROUNDS = 6, 3, 5, 100
DRAW_TRANSACTION_ID = text("select pg_current_xact_id()")


class Readers:
    """Every cursor, and the sequencer, over one organization's transactions."""

    def __init__(self, database: Database, organization: int) -> None:
        self.database, self.organization = database, organization
        self.committed: list[Fact] = []
        self._readers = {cursor: NaiveReader(cursor) for cursor in CURSORS}
        self._sequenced = SequencedReader(organization)

    async def read(self) -> None:
        for reader in self._readers.values():
            await reader.read(self.database)
        await self._sequenced.read(self.database)

    def compare(self) -> dict[str, Comparison]:
        received = {name: reader.received for name, reader in self._readers.items()}
        received[SEQUENCED] = self._sequenced.received
        return {name: compare(self.committed, receipts) for name, receipts in received.items()}


@pytest.fixture(scope="module")
async def database(faults_folder: Path) -> AsyncIterator[Database]:
    copy_cluster(faults_folder / "cursors", migrated=True)
    postgres = EmbeddedPostgres(faults_folder / "cursors")
    url = await asyncio.to_thread(postgres.start)
    database = Database(url, pool_size=WRITERS + 2)
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        # Its transactions would hold back the cursors that look at the oldest one: a schedule would not be exact.
        await connection.execute(text("alter system set autovacuum = off"))
        await connection.execute(text("select pg_reload_conf()"))
    yield database
    await database.close()
    await asyncio.to_thread(postgres.stop)


@pytest.fixture
async def readers(database: Database) -> Readers:
    """On an empty log."""
    async with database.transaction() as session:
        await session.execute(text("drop table if exists public.insertion"))
        await session.execute(text(TABLE))
        await session.execute(text("truncate events.staged_event, events.event, events.organization_head"))
    return Readers(database, 1)


async def commits_late(readers: Readers) -> None:
    """The first draws the lower id and commits after the second."""
    first, second = Fact(1, 1, 1, 1), Fact(1, 2, 1, 2)
    async with readers.database.transaction() as early:
        await tell(early, first)
        async with readers.database.transaction() as late:
            await tell(late, second)
        await readers.read()
    readers.committed += [first, second]


async def begins_early_and_inserts_late(readers: Readers) -> None:
    """The older transaction inserts after the younger, and commits before it."""
    first, second = Fact(1, 1, 1, 1), Fact(1, 2, 1, 2)
    async with readers.database.transaction() as younger:
        async with readers.database.transaction() as older:
            await older.execute(DRAW_TRANSACTION_ID)
            await tell(younger, second)
            await tell(older, first)
        await readers.read()
    readers.committed += [first, second]


async def begins_early_and_locks_late(readers: Readers) -> None:
    """The older transaction changes the subject after the younger has, and has committed."""
    first, second = Fact(1, 1, 1, 2), Fact(1, 1, 2, 1)
    async with readers.database.transaction() as older:
        await older.execute(DRAW_TRANSACTION_ID)
        async with readers.database.transaction() as younger:
            await tell(younger, first)
        await readers.read()
        await tell(older, second)
    readers.committed += [first, second]


SCHEDULES: list[tuple[Callable[[Readers], Awaitable[None]], dict[str, str]]] = [
    (commits_late, {"id": "lost"}),
    (begins_early_and_inserts_late, {"id": "lost", "id, xmin": "lost"}),
    (begins_early_and_locks_late, {"(tx, id)": "order_violations"}),
]


@pytest.mark.parametrize(("schedule", "faults"), SCHEDULES)
async def test_the_ledger_catches_the_cursors_that_a_schedule_is_too_much_for_and_the_sequencer_is_none_of_them(
    readers: Readers, schedule: Callable[[Readers], Awaitable[None]], faults: dict[str, str]
) -> None:
    await schedule(readers)
    await readers.read()
    found = readers.compare()
    assert {name for name, comparison in found.items() if not comparison.holds} == faults.keys()
    for cursor, fault in faults.items():
        assert getattr(found[cursor], fault) == 1


async def test_every_cursor_over_insertion_fails_under_writers_at_random_and_the_sequencer_never(
    readers: Readers,
) -> None:
    writers = Writers(readers)
    for _ in range(MOST_ROUNDS):
        await writers.write_a_round()
        found = readers.compare()
        assert found[SEQUENCED].holds
        if not any(found[cursor].holds for cursor in CURSORS):
            break
    assert found["id"].lost
    assert found["id, xmin"].lost
    assert (found["(tx, id)"].lost, bool(found["(tx, id)"].order_violations)) == (0, True)


class Writers:
    """Several at once: each transaction locks its subject at some moment, tells several events in pieces, and is
    sometimes rolled back; the readers read meanwhile."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._chance = random.Random(1)
        self._locks = {subject: asyncio.Lock() for subject in range(1, SUBJECTS + 1)}
        self._told = dict.fromkeys(self._locks, 0)
        self._transactions = count(1)

    async def write_a_round(self) -> None:
        over = asyncio.Event()
        reading = asyncio.create_task(self._read(over))
        await asyncio.gather(*(self._write() for _ in range(WRITERS)))
        over.set()
        await reading
        await self._readers.read()

    async def _read(self, over: asyncio.Event) -> None:
        while not over.is_set():
            await self._readers.read()

    async def _write(self) -> None:
        for _ in range(ROUNDS):
            transaction, fails = next(self._transactions), self._chance.random() < 0.1
            subject = self._chance.choice(list(self._locks))
            async with AsyncSession(self._readers.database.engine) as session:
                await session.execute(DRAW_TRANSACTION_ID)  # as by something that it wrote before
                await asyncio.sleep(self._chance.random() * 0.005)
                await self._locks[subject].acquire()  # stands for the lock of the subject's row, held until the commit
                facts = await self._tell(session, subject, transaction)
                await (session.rollback() if fails else session.commit())
                if not fails:
                    self._told[subject] = facts[-1].number
                    self._readers.committed += facts
                self._locks[subject].release()

    async def _tell(self, session: AsyncSession, subject: int, transaction: int) -> list[Fact]:
        facts = []
        for number in range(self._told[subject] + 1, self._told[subject] + 1 + self._chance.randint(1, 3)):
            facts.append(Fact(1, subject, number, transaction))
            await tell(session, facts[-1])
            await asyncio.sleep(self._chance.random() * 0.005)
        return facts
