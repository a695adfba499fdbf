"""Giving one batch of committed events their positions, which is what the sequencer does.

Writers insert into a staging table in the transaction of the fact itself. The ids of these rows cannot order readers:
an id is drawn when a row is inserted, but the row becomes visible when its transaction commits. A cursor that has
passed id 7 never sees id 6 if that one commits later. Therefore **positions are given after the commit**:

- One sequencer at a time moves rows from the staging table into the log. It holds a transaction-level advisory lock, so
  any number of replicas may try. It sees committed rows only. A row that commits late is in a later batch and gets a
  later position. A row that is rolled back never appears, and its id leaves no gap: sequences are counted, not drawn.
- The lock is held until the batch has committed, so batches become visible one after the other. Whoever has read up to
  a sequence or position has read everything that will ever be below it, so that a number is a safe cursor.
- The order of one organization's events is that of the staged ids. Writers emit after they have locked the aggregate's
  row, and hold that lock until their commit. Of two transactions about one subject, the second therefore draws its ids
  after the first has committed, and whoever sees the second's rows sees the first's. So the events of one subject are
  in the order of their commits; events of different subjects may come in any order. (This needs an identity column that
  draws one value at a time, which is Postgres' default.)
- When more is staged than a batch holds, organizations share the batch: a hundred thousand events that one has staged
  delay nobody else's by more than a batch. Each organization's own events keep the order of their ids.
- One statement deletes the staged rows, numbers them, raises the organizations' heads and appends to the log. After a
  crash at any point an event is either staged or in the log, never both and never neither.
- Each event also gets the digest of its organization's events so far (`services.events.log.rules.digest`). It depends
  on the digest before it, which only the holder of the lock can know. So the holder reads the staged events and the
  heads, computes the digests, and moves exactly the events that it read.
- Each event also gets a day, which names its partition: today, or the log's last day if the clock has gone back. So
  days rise with positions and sequences, and a reader who begins at some day misses no event of an earlier one.
- Before all that the batch checks whether the log was restored (`services.events.log.epoch`).

Nothing else may assign a sequence or a position.
"""

from collections.abc import Sequence
from datetime import UTC, date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.epoch import Watch, watch
from services.events.log.rules.cloudevents import sequence_text, type_name
from services.events.log.rules.digest import genesis, link
from services.events.log.store import days, positions, reading
from services.events.log.store.positions import HeadAdvance, Sequenced, Staged
from services.events.log.store.reading import Head


async def sequence_batch(
    session: AsyncSession, limit: int = 500, *, today: date | None = None, watch: Watch = watch
) -> int:
    """Gives up to `limit` staged events their positions, and returns how many; 0 if none are staged or another replica
    is at work. The caller commits at once. `today` is the date of the database's clock if it is not given."""
    if not await positions.lock_sequencing(session):
        return 0
    staged = await positions.read_staged(session, limit)
    if not staged:  # the previous holder of the lock took all of them
        return 0
    await watch.notice_restore(session)
    heads = await reading.read_heads(session, {row.organization_id for row in staged})
    sequenced, advances = _number(staged, heads)
    moved = await positions.move_staged(session, await _day(session, today), sequenced, advances)
    if moved != len(staged):
        raise RuntimeError("Staged events were moved by somebody else")
    return moved


async def rehearse(session: AsyncSession) -> None:
    """Sends every statement of a batch once, with nothing to do. A new process thus prepares its statements before it
    takes the lock, and not while others wait for it."""
    await positions.read_staged(session, 0)
    await reading.read_heads(session, ())
    today = await days.read_today(session, None)
    await positions.move_staged(session, today.day, (), ())


async def _day(session: AsyncSession, today: date | None) -> date:
    """The day of the events that are moved now. Its partition exists afterwards."""
    found = await days.read_today(session, today)
    if not found.has_partition:
        await days.make_partition(session, found.day)
    if not found.begun:
        await days.begin_day(session, found.day)
    return found.day


def _number(staged: Sequence[Staged], heads: dict[UUID, Head]) -> tuple[list[Sequenced], list[HeadAdvance]]:
    """The sequence and digest of each staged event, in order, and how each organization's head advances."""
    sequenced: list[Sequenced] = []
    before: dict[UUID, Head] = {}
    reached: dict[UUID, Head] = {}
    for event in staged:
        organization_id = event.organization_id
        head = reached.get(organization_id)
        if head is None:
            head = before[organization_id] = heads.get(organization_id) or Head(0, genesis(organization_id))
        sequence = head.sequence + 1
        digest = link(
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
