"""Writers that commit events as Upward's services do: they lock the aggregates' rows, emit and commit.

Each transaction takes one to three subjects of one or more organizations, and emits a random number of events of them
in several statements, between which it sometimes pauses. One transaction in ten is rolled back. Each inserts a row of
its own, the marker. If the answer to a commit was lost, the marker shows whether the transaction happened.

No workflow reacts to the types that are emitted, so that the dispatcher reads all events and calls Temporal for none.
About one event in a hundred is of the type that endpoints choose. Such events come in groups of one subject, so that
their order is tested.
"""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from bench.ledger import Fact
from bench.ledger_files import LedgerFile, writer_path
from shared.contracts.events import PairActivated, PairOffered
from shared.database import Database
from shared.events import emit

ORGANIZATIONS, SUBJECTS = 4, 200
TASKS = 4
"""How many connections one writer has."""
DELIVERED_ONE_IN, DELIVERED_GROUP = 100, 4
"""The first number: one group in so many is delivered. The second: how many successive events of a subject are a
group."""
DELIVERED_TYPE = PairActivated.type
ROLLED_BACK = 0.1
RETRY_SECONDS = 0.05
MOST_DEBT_SECONDS = 0.25
"""A task that fell behind its rate by up to this time writes faster to catch up. So slow transactions are made up for,
and outages are not."""
TABLES = """
    create schema bench;
    create table bench.subject (id bigint primary key, told bigint not null) with (fillfactor = 50);
    create table bench.marker (transaction bigint primary key);
"""
LOCK = text("select id, told from bench.subject where id = any(:ids) order by id for update")
RAISE = text(
    "update bench.subject set told = raised.told from unnest(cast(:ids as bigint[]), cast(:told as bigint[]))"
    " as raised (id, told) where subject.id = raised.id"
)
MARK = text("insert into bench.marker values (:transaction)")


class Work(NamedTuple):
    """The work of one life of a writer."""

    url: str
    folder: Path
    life: int
    rate: float | None
    """Events per second; None means as many as possible."""
    size: float
    """The average number of events of a transaction."""
    stopping: Callable[[], bool]
    report: Callable[[int], None]
    """It is called with the number of events after each commit."""


def create_tables(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(TABLES)
        connection.execute("insert into bench.subject select id, 0 from generate_series(1, %s) as id", [SUBJECTS])


def read_markers(url: str) -> set[int]:
    """The transactions that happened."""
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("select transaction from bench.marker")}


def organization_of(subject: int) -> int:
    return subject % ORGANIZATIONS + 1


class Writer:
    """One process with several tasks that write at the same time."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._ledger = LedgerFile(writer_path(work.folder, work.life))
        self._chance = random.Random(work.life)
        self._transaction = work.life << 32
        self._database = Database(work.url, pool_size=TASKS)

    async def run(self) -> None:
        await asyncio.gather(*(self._keep_writing() for _ in range(TASKS)))
        await self._database.close()

    async def _keep_writing(self) -> None:
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while not self._work.stopping():
            try:
                events = await self._write()
            except (DBAPIError, OSError):  # Postgres is away, or went away during the transaction
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if self._work.rate:
                next_at = max(next_at, loop.time() - MOST_DEBT_SECONDS) + events * TASKS / self._work.rate
                await asyncio.sleep(max(0.0, next_at - loop.time()))

    async def _write(self) -> int:
        """Does one transaction and returns the number of its events. Raises if it is not known whether it was
        committed."""
        self._transaction += 1
        transaction, chance = self._transaction, self._chance
        subjects = sorted(chance.sample(range(1, SUBJECTS + 1), chance.randint(1, 3)))
        async with self._database.transaction() as session:
            facts = await self._tell(session, transaction, subjects)
            if fails := chance.random() < ROLLED_BACK:
                await session.rollback()
            else:
                self._ledger.append(["intent", transaction, *(word for fact in facts for word in fact[:3])])
        if fails:
            self._ledger.append(["rolled_back", transaction])
        else:
            self._ledger.append(["committed", transaction, time.monotonic_ns()])
            self._work.report(len(facts))
        return len(facts)

    async def _tell(self, session: AsyncSession, transaction: int, subjects: list[int]) -> list[Fact]:
        """Emits in several statements and inserts the marker."""
        told = {row.id: row.told for row in await session.execute(LOCK, {"ids": subjects})}
        facts: list[Fact] = []
        left = int(self._chance.expovariate(1 / self._work.size)) + 1
        while left > 0:
            await self._pause()
            subject, part = self._chance.choice(subjects), self._chance.randint(1, left)
            numbers = range(told[subject] + 1, told[subject] + part + 1)
            some = [Fact(organization_of(subject), subject, number, transaction) for number in numbers]
            await emit(session, UUID(int=organization_of(subject)), *map(event_of, some))
            facts += some
            told[subject] += part
            left -= part
        await session.execute(RAISE, {"ids": list(told), "told": list(told.values())})
        await session.execute(MARK, {"transaction": transaction})
        return facts

    async def _pause(self) -> None:
        """Pauses with the locks held: mostly not at all, sometimes for some milliseconds, rarely for a tenth of a
        second."""
        luck = self._chance.random()
        if self._work.rate and luck < 0.3:
            await asyncio.sleep(self._chance.random() * (0.1 if luck < 0.01 else 0.01))


def is_delivered(fact: Fact) -> bool:
    """Whether endpoints receive the event."""
    return (fact.number // DELIVERED_GROUP + fact.subject) % DELIVERED_ONE_IN == 0


def event_of(fact: Fact) -> PairActivated | PairOffered:
    told = PairActivated if is_delivered(fact) else PairOffered
    pair, cycle, number = UUID(int=fact.subject), UUID(int=fact.transaction), UUID(int=fact.number)
    return told(pair_id=pair, cycle_id=cycle, mentor_id=number, mentee_id=number)


def fact_of(source: str, data: dict[str, object]) -> Fact:
    """The fact that an event of the feed, or a delivery, is about, from its `source` and `data`."""
    told = (source.rsplit(":", 1)[1], data["pair_id"], data["mentor_id"], data["cycle_id"])
    return Fact(*(UUID(str(one)).int for one in told))
