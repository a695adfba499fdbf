"""Organizations share the sequencer and the dispatcher: what one has to tell delays no other's events by much."""

import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from services.events.log.dispatcher import SHARE, Dispatcher, Progress
from services.events.log.models import BehindRow, Event
from services.events.log.positions import sequence_batch
from services.events.log.store.lag import LateEvent, measure, read_late_behind
from shared.contracts.events import CycleCancelled, CyclePaused, CycleRequested, CycleResumed
from shared.database import Database
from shared.events import StagedEvent, emit
from shared.telemetry.metrics import LAG
from tests.services.dispatch_stand import cursor, dispatch, empty_log, record, record_raw, refusals
from tests.services.faulty_temporal import FaultyTemporal
from workflows.ids import cycle_workflow_id

LARGE, SMALL, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)


@pytest.fixture(autouse=True)
async def clean_log(database: Database) -> AsyncIterator[None]:
    await empty_log(database)
    yield
    await empty_log(database)


@pytest.fixture
def temporal() -> FaultyTemporal:
    return FaultyTemporal()


def requests(count: int) -> list[CycleRequested]:
    return [CycleRequested(cycle_id=uuid4(), program_id=uuid4()) for _ in range(count)]


async def sequence(database: Database, limit: int = 500) -> int:
    async with database.transaction() as session:
        return await sequence_batch(session, limit)


async def behind(database: Database) -> list[UUID]:
    async with database.transaction() as session:
        return list(await session.scalars(select(BehindRow.organization_id)))


async def dispatch_all(database: Database, dispatcher: Dispatcher) -> int:
    """Returns after how many batches nothing is left."""
    for number in range(1000):
        if await dispatch(database, dispatcher) == Progress(0):
            return number
    raise AssertionError("it never ends")


async def test_what_one_organization_has_staged_delays_another_s_event_by_no_more_than_a_batch(
    database: Database,
) -> None:
    async with database.transaction() as session:
        await emit(session, LARGE, *(CycleCancelled(cycle_id=uuid4()) for _ in range(40)))
        await emit(session, SMALL, *(CycleCancelled(cycle_id=uuid4()) for _ in range(2)))
    assert await sequence(database, limit=10) == 10
    async with database.transaction() as session:
        found = await session.scalars(select(Event.organization_id))
    assert Counter(found) == {LARGE: 8, SMALL: 2}, "what is left of a batch goes to the oldest"


async def test_a_batch_holds_the_oldest_events_of_everybody_in_their_order(database: Database) -> None:
    chance = random.Random(20)
    told: dict[UUID, list[UUID]] = defaultdict(list)
    for weight in (1, 5, 60, 3, 40):
        for _ in range(weight):
            organization_id, cycle_id = UUID(int=chance.choice([weight, 60])), uuid4()
            told[organization_id].append(cycle_id)
            async with database.transaction() as session:
                await emit(session, organization_id, CycleCancelled(cycle_id=cycle_id))
    batches = 0
    while moved := await sequence(database, limit := chance.randint(1, 12)):
        async with database.transaction() as session:
            staged = Counter(await session.scalars(select(StagedEvent.organization_id)))
            rows = (await session.execute(select(Event).order_by(Event.position))).scalars().all()
        assert moved == limit or not staged
        batches += 1
        for organization_id, cycles in told.items():
            own = [row for row in rows if row.organization_id == organization_id]
            assert [row.sequence for row in own] == list(range(1, len(own) + 1))
            assert [UUID(row.data["cycle_id"]) for row in own] == cycles[: len(own)]
            assert len(own) == len(cycles) - staged[organization_id]
    assert batches > len(told)


async def test_an_organization_with_many_events_delays_no_other(database: Database, temporal: FaultyTemporal) -> None:
    many, one = requests(5 * SHARE), requests(1)[0]
    await record(database, LARGE, *many)
    await record(database, SMALL, one)
    dispatcher = Dispatcher(temporal.as_client)
    await dispatch(database, dispatcher)
    assert (cycle_workflow_id(one.cycle_id), "start") in temporal.heard[: SHARE + 1]
    assert await behind(database) == [LARGE]
    assert await dispatch_all(database, dispatcher) < 50
    own = [heard for heard in temporal.heard if heard != (cycle_workflow_id(one.cycle_id), "start")]
    assert own == [(cycle_workflow_id(event.cycle_id), "start") for event in many]
    assert await behind(database) == []


async def test_events_that_come_while_an_organization_is_behind_keep_their_order(
    database: Database, temporal: FaultyTemporal
) -> None:
    cycle = requests(1)[0]
    await record(database, LARGE, *requests(3 * SHARE), cycle)
    dispatcher = Dispatcher(temporal.as_client)
    await dispatch(database, dispatcher)
    await record(database, LARGE, CyclePaused(cycle_id=cycle.cycle_id), CycleCancelled(cycle_id=cycle.cycle_id))
    await dispatch(database, dispatcher)
    await record(database, LARGE, CycleResumed(cycle_id=cycle.cycle_id))
    await dispatch_all(database, Dispatcher(temporal.as_client))
    workflow_id = cycle_workflow_id(cycle.cycle_id)
    assert [what for id, what in temporal.heard if id == workflow_id] == ["start", "pause", "resume"]
    assert len(temporal.heard) == 3 * SHARE + 3
    assert await behind(database) == []


async def test_organizations_that_are_behind_take_turns(database: Database, temporal: FaultyTemporal) -> None:
    cycles = {organization_id: requests(4 * SHARE) for organization_id in (LARGE, OTHER)}
    for organization_id, own in cycles.items():
        await record(database, organization_id, *own)
    await dispatch_all(database, Dispatcher(temporal.as_client))
    of = {cycle_workflow_id(one.cycle_id): organization for organization, own in cycles.items() for one in own}
    order = [of[workflow_id] for workflow_id, _ in temporal.heard]
    assert Counter(order) == {LARGE: 4 * SHARE, OTHER: 4 * SHARE}
    assert order.index(OTHER) == SHARE
    assert 0 < Counter(order[: 4 * SHARE])[OTHER] < 4 * SHARE


async def test_while_temporal_is_away_nothing_of_who_is_behind_is_lost(
    database: Database, temporal: FaultyTemporal
) -> None:
    many = requests(3 * SHARE)
    await record(database, LARGE, *many)
    stuck = cycle_workflow_id(many[SHARE + 2].cycle_id)
    temporal.faults[stuck] = ConnectionRefusedError
    dispatcher = Dispatcher(temporal.as_client)
    for expected in (SHARE + 2, 0):
        assert await dispatch(database, dispatcher) == Progress(expected, "ConnectionRefusedError")
    temporal.faults.clear()
    await dispatch_all(database, dispatcher)
    assert temporal.heard == [(cycle_workflow_id(event.cycle_id), "start") for event in many]
    assert await refusals(database) == []


async def test_an_event_of_who_is_behind_can_be_set_aside(database: Database, temporal: FaultyTemporal) -> None:
    many = requests(3 * SHARE)
    bad, silent = many[2 * SHARE], [CycleCancelled(cycle_id=uuid4())] * 3
    workflow_id = cycle_workflow_id(bad.cycle_id)
    temporal.faults[workflow_id] = RuntimeError
    await record(database, LARGE, *many, CyclePaused(cycle_id=bad.cycle_id), *silent)
    await record_raw(database, LARGE, "no.such_event", {})
    await record(database, SMALL)
    await sequence(database)
    await dispatch_all(database, Dispatcher(temporal.as_client))
    assert await refusals(database) == ["not_sendable", "behind_another", "unknown_event_type"]
    assert len(temporal.heard) == len(many) - 1
    assert (await behind(database), await cursor(database)) == ([], 3 * SHARE + 5 + await first_position(database) - 1)


async def first_position(database: Database) -> int:
    async with database.transaction() as session:
        return (await session.scalars(select(Event.position).order_by(Event.position).limit(1))).one()


async def test_it_is_told_how_long_events_wait_of_who_is_behind(database: Database, temporal: FaultyTemporal) -> None:
    many = requests(3 * SHARE)
    await record(database, LARGE, *many)
    temporal.faults[cycle_workflow_id(many[SHARE].cycle_id)] = ConnectionRefusedError
    await dispatch(database, Dispatcher(temporal.as_client))
    async with database.transaction() as session:
        await session.execute(update(Event).values(recorded_at=Event.recorded_at - timedelta(minutes=5)))
        late = await read_late_behind(session, 120)
        samples = await measure(session)
    assert late == {LateEvent(LARGE, str(event.cycle_id)) for event in many[SHARE:]}
    assert next(one.value for one in samples if one.metric is LAG) >= 300
