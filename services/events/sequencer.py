"""The sequencer: it gives committed events their positions.

Writers insert into a staging table in the transaction of the fact itself. Ids of rows cannot order readers: an id is
drawn when a row is inserted, but the row is seen when its transaction commits, so a cursor that has passed id 7 never
sees id 6 if that one commits later. Here, therefore, **positions come after commit**:

- One sequencer at a time (a transaction-level advisory lock, so any number of replicas may try) moves rows from the
  staging table into the log. It sees committed rows only. A row that commits late is simply in a later batch and gets a
  later position; a rolled back one is never there, and its id leaves no gap, as sequences are counted, not drawn.
- The lock is held until the batch has committed, so batches become visible one after the other. Whoever has read up to
  some sequence or position has read all that will ever be below it: a number is a safe cursor.
- The order is that of ids. Writers emit after they have locked the aggregate's row, and hold that lock until their
  commit: of two transactions about one subject the second draws its ids after the first has committed, and whoever sees
  the second's rows sees the first's. So one subject's events are in commit order, although events of different
  subjects may come in any order. (It takes an identity that draws one value at a time, Postgres' default.)
- Moving is one statement that deletes, numbers, raises the organizations' heads and appends: a crash at any point
  leaves an event either staged or in the log, never both, never neither.
- It also gives each event the digest of its organization's events so far (`services.events.chain`).
  That stands on the digest before it, which only the holder of the lock can know: it reads the staged events and the
  heads, computes, and moves exactly those that it read.

Nothing else may assign a sequence or a position.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.events import store
from services.events.chain import genesis, link
from services.events.cloudevents import cloud_event
from services.events.store import Head, Staged
from shared.contracts.events import EventRecord


async def sequence_batch(session: AsyncSession, limit: int = 500) -> int:
    """Gives up to `limit` staged events their positions; says how many. 0 if none are staged or another replica is
    at work. The caller commits at once."""
    if not await store.lock_sequencing(session):
        return 0
    staged = await store.read_staged(session, limit)
    heads = await store.read_heads(session, {row.organization_id for row in staged})
    return await store.move_staged(session, {row.id: _digest(row, heads) for row in staged})


async def rehearse(session: AsyncSession) -> None:
    """Every statement of a batch once, with nothing to do: what a new process has to prepare, it prepares before it
    takes the lock, for which the others would have to wait."""
    await store.read_staged(session, 0)
    await store.read_heads(session, ())
    await store.move_staged(session, {})


def _digest(staged: Staged, heads: dict[UUID, Head]) -> bytes:
    """The digest after an event with its organization's next sequence; raises its organization's head to that."""
    organization_id = staged.organization_id
    before = heads.get(organization_id) or Head(0, genesis(organization_id))
    event = EventRecord(
        id=staged.event_id,
        organization_id=organization_id,
        sequence=before.sequence + 1,
        type=staged.type,
        version=staged.version,
        subject=staged.subject,
        time=staged.time,
        data=staged.data,
    )
    digest = link(before.digest, cloud_event(event))
    heads[organization_id] = Head(event.sequence, digest)
    return digest
