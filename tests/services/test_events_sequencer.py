"""Positions are given after the commit. Tests here use several connections and commit for real, as the order depends on
what other transactions do."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.models import Event, OrganizationHead
from services.events.log.positions import rehearse, sequence_batch
from services.events.log.store import positions, reading
from shared.contracts.events import CycleCancelled, CyclePaused, EventRecord, MatchRunApproved
from shared.database import Database
from shared.events import StagedEvent, emit

WRITERS, ROUNDS, SUBJECTS = 8, 25, 4


@pytest.fixture
async def organizations(database: Database) -> AsyncIterator[tuple[UUID, UUID]]:
    """Two organizations. Their events are committed for real, and removed after the test."""
    ids = (uuid4(), uuid4())
    yield ids
    async with database.transaction() as session:
        for table in (StagedEvent, Event, OrganizationHead):
            await session.execute(delete(table).where(table.organization_id.in_(ids)))


async def sequence_all(database: Database, limit: int = 500) -> int:
    total = 0
    while True:
        async with database.transaction() as session:
            moved = await sequence_batch(session, limit)
        if not moved:
            return total
        total += moved


async def read_all(database: Database, organization_id: UUID) -> list[EventRecord]:
    async with database.transaction() as session:
        return await reading.read_feed(session, organization_id, 0, 100_000)


async def test_sequences_count_each_organizations_events_from_one_without_gaps(
    database: Database, organizations: tuple[UUID, UUID]
) -> None:
    for number in range(7):
        async with database.transaction() as session:
            await emit(session, organizations[number % 2], CycleCancelled(cycle_id=uuid4()))
    assert await sequence_all(database, limit=3) == 7
    assert [event.sequence for event in await read_all(database, organizations[0])] == [1, 2, 3, 4]
    assert [event.sequence for event in await read_all(database, organizations[1])] == [1, 2, 3]


async def test_an_event_that_commits_late_comes_after_those_already_read(
    database: Database, organizations: tuple[UUID, UUID]
) -> None:
    organization_id = organizations[0]
    late, early = CycleCancelled(cycle_id=uuid4()), CycleCancelled(cycle_id=uuid4())
    async with database.transaction() as holding:
        await emit(holding, organization_id, late)  # draws the lower id
        async with database.transaction() as session:
            await emit(session, organization_id, early)
        await sequence_all(database)
        assert [event.subject for event in await read_all(database, organization_id)] == [early.subject]
    await sequence_all(database)
    assert [event.subject for event in await read_all(database, organization_id)] == [early.subject, late.subject]


async def test_an_event_of_a_rolled_back_transaction_leaves_no_trace_and_no_gap(
    database: Database, organizations: tuple[UUID, UUID]
) -> None:
    for fails in (False, True, False):
        try:
            async with database.transaction() as session:
                await emit(session, organizations[0], CycleCancelled(cycle_id=uuid4()))
                if fails:
                    raise InterruptedError
        except InterruptedError:
            pass
    await sequence_all(database)
    assert [event.sequence for event in await read_all(database, organizations[0])] == [1, 2]


async def test_a_crash_of_the_sequencer_leaves_the_events_staged(
    database: Database, organizations: tuple[UUID, UUID]
) -> None:
    async with database.transaction() as session:
        await emit(session, organizations[0], CycleCancelled(cycle_id=uuid4()))

    async def crash_after_moving() -> None:
        async with database.transaction() as session:
            assert await sequence_batch(session) == 1
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await crash_after_moving()
    assert await read_all(database, organizations[0]) == []
    await sequence_all(database)
    assert [event.sequence for event in await read_all(database, organizations[0])] == [1]


async def test_only_one_sequencer_moves_at_a_time(database: Database, organizations: tuple[UUID, UUID]) -> None:
    async with database.transaction() as session:
        await emit(session, organizations[0], CycleCancelled(cycle_id=uuid4()))
    async with database.transaction() as first:
        assert await sequence_batch(first) == 1
        async with database.transaction() as writer:
            await emit(writer, organizations[0], CycleCancelled(cycle_id=uuid4()))
        async with database.transaction() as second:
            assert await sequence_batch(second) == 0
    assert await sequence_all(database) == 1


async def test_who_gets_the_lock_when_everything_is_moved_already_moves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def locked(session: AsyncSession) -> bool:
        return True

    await sequence_all(database)
    monkeypatch.setattr(positions, "lock_sequencing", locked)
    async with database.transaction() as session:
        assert await sequence_batch(session) == 0


async def test_no_lock_is_taken_while_nothing_is_staged(database: Database) -> None:
    await sequence_all(database)
    async with database.transaction() as session:
        assert await sequence_batch(session) == 0
        held = await session.scalar(
            text("select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()")
        )
    assert held == 0


async def test_writers_at_once_lose_nothing_repeat_nothing_and_keep_each_subjects_order(
    database: Database, organizations: tuple[UUID, UUID]
) -> None:
    """Writers lock a subject, emit several times in a transaction that they hold open, and roll some back, while two
    sequencers move and a reader follows by cursor."""
    subjects = [(organization, uuid4()) for organization in organizations for _ in range(SUBJECTS)]
    committed: dict[UUID, list[int]] = defaultdict(list)
    locks = {subject: index for index, (_, subject) in enumerate(subjects)}
    counter = iter(range(1_000_000))
    writing = asyncio.Event()
    followed: dict[UUID, list[EventRecord]] = {organization: [] for organization in organizations}

    async def write(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(ROUNDS):
            organization, subject = chance.choice(subjects)
            fails = chance.random() < 0.25
            numbers: list[int] = []
            try:
                async with database.transaction() as session:
                    # The lock stands for the aggregate's row: one transaction of a subject at a time.
                    await session.execute(select(func.pg_advisory_xact_lock(4711, locks[subject])))
                    for _ in range(chance.randint(1, 3)):
                        numbers.append(next(counter))
                        event = MatchRunApproved(match_run_id=subject, cycle_id=subject, pairs=numbers[-1])
                        await emit(session, organization, event)
                        await asyncio.sleep(chance.random() * 0.01)
                    if fails:
                        raise InterruptedError
                    committed[subject].extend(numbers)  # it is still locked, so this is the order of the commits
            except InterruptedError:
                pass

    async def sequence() -> None:
        while not writing.is_set():
            async with database.transaction() as session:
                await sequence_batch(session, limit=5)
            await asyncio.sleep(0.001)

    async def follow() -> None:
        while not writing.is_set():
            for organization, seen in followed.items():
                async with database.transaction() as session:
                    after = seen[-1].sequence if seen else 0
                    seen.extend(await reading.read_feed(session, organization, after, 3))

    helpers = [asyncio.create_task(work()) for work in (sequence, sequence, follow)]
    await asyncio.gather(*(write(seed) for seed in range(WRITERS)))
    writing.set()
    await asyncio.gather(*helpers)
    await sequence_all(database)

    assert sum(map(len, committed.values())) > WRITERS * ROUNDS
    positions: dict[UUID, list[int]] = defaultdict(list)
    for organization in organizations:
        events = await read_all(database, organization)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert followed[organization] == events[: len(followed[organization])], "a reader by cursor misses nothing"
        for event in events:
            positions[UUID(event.data["match_run_id"])].append(event.data["pairs"])
    assert positions == committed


async def test_positions_follow_the_order_of_sequences(database: Database, organizations: tuple[UUID, UUID]) -> None:
    async with database.transaction() as session:
        for number in range(40):
            await emit(session, organizations[number % 2], CyclePaused(cycle_id=uuid4()))
    await sequence_all(database, limit=7)
    async with database.transaction() as session:
        for organization in organizations:
            by_position = await session.scalars(
                select(Event.sequence).where(Event.organization_id == organization).order_by(Event.position)
            )
            assert by_position.all() == list(range(1, 21))


async def test_the_log_keeps_what_was_emitted(database: Database, organizations: tuple[UUID, UUID]) -> None:
    run = MatchRunApproved(match_run_id=uuid4(), cycle_id=uuid4(), pairs=3)
    async with database.transaction() as session:
        await emit(session, organizations[0], run)
        staged = (await session.scalars(select(StagedEvent))).one()
    await sequence_all(database)
    (event,) = await read_all(database, organizations[0])
    assert event.parse() == run
    assert (event.id, event.time, event.type, event.version) == (staged.event_id, staged.time, run.type, run.version)
    assert event.subject == f"match_run/{run.match_run_id}"


async def test_a_rehearsal_moves_nothing_and_takes_no_lock(
    database: Database, organizations: tuple[UUID, UUID]
) -> None:
    async with database.transaction() as session:
        await emit(session, organizations[0], CycleCancelled(cycle_id=uuid4()))
    async with database.transaction() as rehearsing:
        await rehearse(rehearsing)
        assert await sequence_all(database) == 1
    assert [event.sequence for event in await read_all(database, organizations[0])] == [1]
