"""The three cursors over insertion that people write instead of a sequencer, over the same transactions as the log.

Each reads rows of an insertion log and remembers where it was. What each believes, and why it is wrong:

`id > last`
    Ids rise, so what is new has a higher one. But an id is drawn at the insert and seen at the commit: an event that
    commits late has a lower id than one already read, and is **lost**.
`id > last`, and `xmin` below the snapshot's
    Only rows whose writer is older than every transaction under way, so that nothing older can come. But ids are not
    drawn in the order of transaction ids: a transaction that began early inserts late, its high id is read and passes
    over the lower id of a younger transaction still under way, whose event is then **lost**.
`(tx, id) > last`, and `tx` below the snapshot's `xmin`
    Ordered by transaction id, nothing can come below the cursor, so nothing is lost. But a transaction gets its id at
    its first write, not when it locks a subject: the one with the lower id can lock, write and commit after the one
    with the higher. Its events come first nevertheless: one subject's events are **out of order**.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bench.event_writers import event_of, fact_of
from bench.ledger import Fact, Receipt
from services.events.log.positions import sequence_batch
from services.events.log.rules.cloudevents import cloud_event
from services.events.log.store import reading
from shared.database import Database
from shared.events import emit

TABLE = """
    create table public.insertion (
        id bigint generated always as identity primary key,
        tx xid8 not null default pg_current_xact_id(),
        organization bigint not null, subject bigint not null, number bigint not null, transaction bigint not null
    )
"""
INSERT = "insert into public.insertion (organization, subject, number, transaction) values (:o, :s, :n, :t)"
OLDEST = "pg_snapshot_xmin(pg_current_snapshot())"
CURSORS = {
    "id": "where id > :id order by id",
    "id, xmin": f"where id > :id and xmin::text::xid8 < {OLDEST} order by id",
    "(tx, id)": f"where (tx, id) > (cast(cast(:tx as text) as xid8), :id) and tx < {OLDEST} order by tx, id",
}
SEQUENCED = "sequenced"


async def tell(session: AsyncSession, fact: Fact) -> None:
    """Into the insertion log and, as an event, into the staging table: both in the caller's transaction."""
    values = {"o": fact.organization, "s": fact.subject, "n": fact.number, "t": fact.transaction}
    await session.execute(text(INSERT), values)
    await emit(session, UUID(int=fact.organization), event_of(fact))


class NaiveReader:
    """Follows the insertion log by one of the cursors."""

    def __init__(self, cursor: str) -> None:
        self._query = text(f"select *, tx::text as place from public.insertion {CURSORS[cursor]}")
        self._last: Mapping[str, Any] = {"id": 0, "tx": "0"}
        self.received: list[Receipt] = []

    async def read(self, database: Database) -> None:
        async with database.transaction() as session:
            used = {name: value for name, value in self._last.items() if f":{name}" in self._query.text}
            rows = (await session.execute(self._query, used)).all()
        for row in rows:
            fact = Fact(row.organization, row.subject, row.number, row.transaction)
            self.received.append(Receipt(fact, len(self.received) + 1, 1))
            self._last = {"id": row.id, "tx": row.place}


class SequencedReader:
    """Sequences, then follows the feed of one organization."""

    def __init__(self, organization: int) -> None:
        self._organization_id = UUID(int=organization)
        self.received: list[Receipt] = []

    async def read(self, database: Database) -> None:
        async with database.transaction() as session:
            await sequence_batch(session)
        async with database.transaction() as session:
            for record in await reading.read_feed(session, self._organization_id, len(self.received), 10_000):
                fact = fact_of(cloud_event(record).source, record.data)
                self.received.append(Receipt(fact, record.sequence, 1))
