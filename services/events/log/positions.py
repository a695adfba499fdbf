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
- It also gives each event the digest of its organization's events so far (`services.events.log.rules.digest`).
  That stands on the digest before it, which only the holder of the lock can know: it reads the staged events and the
  heads, computes, and moves exactly those that it read.
- And the day, which names its partition: today, or the log's last day should the clock have gone back. So days rise
  with positions and sequences, and a reader who begins at some day misses none of an earlier one.
- Before anything it looks whether the log was restored (`services.events.log.epoch`).

Nothing else may assign a sequence or a position.
"""

from collections.abc import Sequence
from datetime import UTC, date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.epoch import Watch, watch
from services.events.log.rules.cloudevents import sequence_text, type_name
from services.events.log.rules.digest import genesis, link_members
from services.events.log.store import days, positions, reading
from services.events.log.store.positions import HeadAdvance, Sequenced, Staged
from services.events.log.store.reading import Head


async def sequence_batch(
    session: AsyncSession, limit: int = 500, *, today: date | None = None, watch: Watch = watch
) -> int:
    """Gives up to `limit` staged events their positions; says how many. 0 if none are staged or another replica is
    at work. The caller commits at once. `today` is of the database's clock, if not given."""
    if not await positions.lock_sequencing(session):
        return 0
    staged = await positions.read_staged(session, limit)
    if not staged:  # the holder of the lock before us took them all
        return 0
    await watch.notice_restore(session)
    heads = await reading.read_heads(session, {row.organization_id for row in staged})
    sequenced, advances = _number(staged, heads)
    moved = await positions.move_staged(session, await _day(session, today), sequenced, advances)
    if moved != len(staged):
        raise RuntimeError("Staged events were moved by somebody else")
    return moved


async def rehearse(session: AsyncSession) -> None:
    """Every statement of a batch once, with nothing to do: what a new process has to prepare, it prepares before it
    takes the lock, for which the others would have to wait."""
    await positions.read_staged(session, 0)
    await reading.read_heads(session, ())
    today = await days.read_today(session, None)
    await positions.move_staged(session, today.day, (), ())


async def _day(session: AsyncSession, today: date | None) -> date:
    """The day of what is moved now; its partition is there."""
    found = await days.read_today(session, today)
    if not found.has_partition:
        await days.make_partition(session, found.day)
    if not found.begun:
        await days.begin_day(session, found.day)
    return found.day


def _number(staged: Sequence[Staged], heads: dict[UUID, Head]) -> tuple[list[Sequenced], list[HeadAdvance]]:
    """Each staged event's place after the heads, in order, and how far each organization comes by them."""
    sequenced: list[Sequenced] = []
    before: dict[UUID, Head] = {}
    reached: dict[UUID, Head] = {}
    for event in staged:
        organization_id = event.organization_id
        head = reached.get(organization_id)
        if head is None:
            head = before[organization_id] = heads.get(organization_id) or Head(0, genesis(organization_id))
        sequence = head.sequence + 1
        digest = link_members(
            head.digest,
            event.event_id,
            sequence_text(sequence),
            type_name(event.type, event.version),
            event.subject,
            event.time.astimezone(UTC),
            event.data,
        )
        reached[organization_id] = Head(sequence, digest)
        sequenced.append(Sequenced(event.id, sequence, digest))
    return sequenced, [
        HeadAdvance(organization_id, head.sequence + 1, head.digest, *reached[organization_id])
        for organization_id, head in before.items()
    ]
