"""Events move workflows: the dispatcher against a real Temporal server and real transactions."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter

from services.events import main
from services.events.log.dispatcher import Dispatcher, Progress
from services.events.log.store import reading
from services.events.log.store.epoch import change_epoch
from services.events.log.store.holds import release
from shared.contracts.events import CycleCancelled, CyclePaused, CycleRequested, EventData, EventRecord
from shared.database import Database
from shared.events import emit
from shared.temporal import WORKFLOWS_QUEUE, connect
from tests.patience import PATIENCE_SECONDS
from tests.services.dispatch_stand import (
    cursor,
    dispatch,
    dispatching,
    empty_log,
    forget_cursor,
    record,
    record_raw,
    refusals,
)
from tests.temporal_server import Server, temporal_server
from workflows.ids import cycle_workflow_id
from workflows.reactions import Reaction, Signal, Start, reaction_to
from workflows.states.cycle_state import CycleState, Heard


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with temporal_server(tmp_path_factory.mktemp("temporal")) as server:
        yield server


@pytest.fixture
async def client(server: Server) -> Client:
    return await connect(server.address)


@pytest.fixture(autouse=True)
async def clean_log(database: Database) -> AsyncIterator[None]:
    """Tests here commit for real. The log is empty again after each test."""
    await empty_log(database)
    yield
    await empty_log(database)


async def epoch_of(database: Database) -> UUID:
    async with database.transaction() as session:
        return await reading.read_epoch(session)


async def signals_of(client: Client, workflow_id: str) -> list[tuple[str, Heard]]:
    heard = []
    async for event in client.get_workflow_handle(workflow_id).fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            attributes = event.workflow_execution_signaled_event_attributes
            values = await pydantic_data_converter.decode(attributes.input.payloads, [Heard])
            heard.append((attributes.signal_name, values[0]))
    return heard


async def runs_of(client: Client, workflow_id: str) -> int:
    """How many executions there were under an id. Visibility lags a little, so it waits for the first one."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = [run async for run in client.list_workflows(f"WorkflowId = '{workflow_id}'")]
            if found:
                return len(found)
            await asyncio.sleep(0.05)


async def is_running(client: Client, workflow_id: str) -> None:
    """Returns once the workflow has been started."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                description = await client.get_workflow_handle(workflow_id).describe()
            except Exception:  # not yet, or the server is on its way up
                await asyncio.sleep(0.05)
            else:
                assert description.status is WorkflowExecutionStatus.RUNNING
                return


@asynccontextmanager
async def running_relay(database: Database, client: Client) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(main.create_relay(database=database, client=client).run(stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await task


async def test_a_requested_cycle_starts_its_workflow(database: Database, client: Client, organization_id: UUID) -> None:
    requested = CycleRequested(cycle_id=uuid4(), program_id=uuid4())
    await record(database, organization_id, requested)
    assert await dispatch(database, Dispatcher(client)) == Progress(1)
    handle = client.get_workflow_handle(cycle_workflow_id(requested.cycle_id))
    started = (await handle.fetch_history()).events[0].workflow_execution_started_event_attributes
    assert (started.workflow_type.name, started.task_queue.name) == ("CycleWorkflow", WORKFLOWS_QUEUE)
    (argument,) = await pydantic_data_converter.decode(started.input.payloads, [CycleState])
    assert argument == CycleState(
        organization_id=organization_id, cycle_id=requested.cycle_id, epoch=await epoch_of(database)
    )


async def test_an_event_is_parsed_once_on_its_way(
    database: Database, client: Client, organization_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse, parsed = EventRecord.parse, list[int]()

    def counted(event: EventRecord) -> EventData:
        parsed.append(event.sequence)
        return parse(event)

    monkeypatch.setattr(EventRecord, "parse", counted)
    requested = CycleRequested(cycle_id=uuid4(), program_id=uuid4())
    await record(database, organization_id, requested, CyclePaused(cycle_id=requested.cycle_id))
    assert await dispatch(database, Dispatcher(client)) == Progress(2)
    assert parsed == [1, 2]


async def test_the_same_event_dispatched_twice_starts_one_workflow(
    database: Database, client: Client, organization_id: UUID
) -> None:
    requested = CycleRequested(cycle_id=uuid4(), program_id=uuid4())
    workflow_id = cycle_workflow_id(requested.cycle_id)
    await record(database, organization_id, requested)
    dispatcher = Dispatcher(client)
    await dispatch(database, dispatcher)
    await forget_cursor(database)
    assert await dispatch(database, dispatcher) == Progress(1)
    await client.get_workflow_handle(workflow_id).terminate()
    await forget_cursor(database)
    assert await dispatch(database, dispatcher) == Progress(1)
    assert await runs_of(client, workflow_id) == 1
    assert await refusals(database) == []


async def test_signals_carry_what_tells_a_repeat_also_after_a_restore(
    database: Database, client: Client, organization_id: UUID
) -> None:
    requested = CycleRequested(cycle_id=uuid4(), program_id=uuid4())
    _, paused = await record(database, organization_id, requested, CyclePaused(cycle_id=requested.cycle_id))
    dispatcher = Dispatcher(client)
    await dispatch(database, dispatcher)
    first = Heard(sequence=2, epoch=await epoch_of(database), event_id=paused.id)
    await forget_cursor(database)
    await dispatch(database, dispatcher)
    async with database.transaction() as session:
        epoch = await change_epoch(session)
        await release(session, [organization_id])
    await forget_cursor(database)
    await dispatch(database, dispatcher)
    restored = first.model_copy(update={"epoch": epoch})
    told = await signals_of(client, cycle_workflow_id(requested.cycle_id))
    assert told == [("pause", first), ("pause", first), ("pause", restored)]


async def test_a_signal_without_an_argument_is_sent_without_one(
    database: Database, client: Client, organization_id: UUID
) -> None:
    requested = CycleRequested(cycle_id=uuid4(), program_id=uuid4())
    workflow_id = cycle_workflow_id(requested.cycle_id)
    await record(database, organization_id, requested, CycleCancelled(cycle_id=requested.cycle_id))

    def react(event: EventRecord, data: EventData) -> Reaction:
        return Signal(workflow_id, "nudge") if event.type == CycleCancelled.type else reaction_to(event, data)

    assert await dispatch(database, Dispatcher(client, react, silent=())) == Progress(2)
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    assert len(history.events[-1].workflow_execution_signaled_event_attributes.input.payloads) == 0


async def test_a_workflow_that_is_over_need_not_hear(database: Database, client: Client, organization_id: UUID) -> None:
    over = CycleRequested(cycle_id=uuid4(), program_id=uuid4())
    await record(database, organization_id, over)
    dispatcher = Dispatcher(client)
    await dispatch(database, dispatcher)
    await client.get_workflow_handle(cycle_workflow_id(over.cycle_id)).terminate()
    await record(database, organization_id, CyclePaused(cycle_id=over.cycle_id), CyclePaused(cycle_id=uuid4()))
    assert await dispatch(database, dispatcher) == Progress(2)
    assert await refusals(database) == []


async def test_the_cursor_passes_events_that_move_nothing(
    database: Database, client: Client, organization_id: UUID
) -> None:
    events = [CycleCancelled(cycle_id=uuid4()) for _ in range(5)]
    await record(database, organization_id, *events)
    dispatcher = Dispatcher(client, limit=3)
    assert [await dispatch(database, dispatcher) for _ in range(3)] == [Progress(3), Progress(2), Progress(0)]


@pytest.mark.parametrize(
    ("type", "data", "version", "code"),
    [
        ("no.such_event", {}, 1, "unknown_event_type"),
        ("cycle.requested", {"cycle_id": str(UUID(int=1)), "program_id": str(UUID(int=2))}, 2, "unknown_event_type"),
        ("cycle.requested", {"cycle_id": "not an id"}, 1, "invalid_event_data"),
    ],
)
async def test_a_poisoned_event_is_noted_and_the_next_goes_on(
    database: Database,
    client: Client,
    organization_id: UUID,
    type: str,
    data: dict[str, Any],
    version: int,
    code: str,
) -> None:
    await record_raw(database, organization_id, type, data, version)
    requested = CycleRequested(cycle_id=uuid4(), program_id=uuid4())
    await record(database, organization_id, requested)
    assert await dispatch(database, Dispatcher(client)) == Progress(2)
    assert await refusals(database) == [code]
    await is_running(client, cycle_workflow_id(requested.cycle_id))


async def test_what_temporal_refuses_and_what_a_reaction_breaks_on_is_noted_once(
    database: Database, client: Client, organization_id: UUID
) -> None:
    def react(event: EventRecord, data: EventData) -> Reaction:
        if event.sequence == 1:
            return Start("CycleWorkflow", "x" * 2000, Heard(sequence=1))
        raise LookupError

    await record(database, organization_id, *(CyclePaused(cycle_id=uuid4()) for _ in range(2)))
    for _ in range(2):
        assert await dispatch(database, Dispatcher(client, react)) == Progress(2)
        assert await refusals(database) == ["refused_by_temporal", "reaction_failed"]
        await forget_cursor(database)


async def test_an_event_waits_while_temporal_is_away_and_starts_one_workflow_when_it_is_back(
    database: Database, server: Server, client: Client, organization_id: UUID
) -> None:
    before, during = (CycleRequested(cycle_id=uuid4(), program_id=uuid4()) for _ in range(2))
    async with running_relay(database, client):
        async with database.transaction() as session:
            await emit(session, organization_id, before)
        await is_running(client, cycle_workflow_id(before.cycle_id))
        while (position := await cursor(database)) is None:  # it is moved after the workflow was started
            await asyncio.sleep(0.05)
        await asyncio.to_thread(server.stop, kill=True)
        try:
            async with database.transaction() as session:
                await emit(session, organization_id, during)
            await asyncio.sleep(1)
            assert await cursor(database) == position
        finally:
            await asyncio.to_thread(server.start)
        await is_running(client, cycle_workflow_id(during.cycle_id))
    assert await runs_of(client, cycle_workflow_id(before.cycle_id)) == 1
    assert await runs_of(client, cycle_workflow_id(during.cycle_id)) == 1
    assert await refusals(database) == []


async def test_a_client_that_could_never_connect_means_waiting_too(database: Database, organization_id: UUID) -> None:
    await record(database, organization_id, CycleRequested(cycle_id=uuid4(), program_id=uuid4()))
    nowhere = await connect("127.0.0.1:1")
    assert await dispatch(database, Dispatcher(nowhere)) == Progress(0, "RuntimeError")
    assert await cursor(database) is None


@pytest.mark.parametrize("event", [CycleRequested(cycle_id=uuid4(), program_id=uuid4()), CyclePaused(cycle_id=uuid4())])
async def test_a_missing_namespace_means_waiting_and_not_that_the_workflow_is_over(
    database: Database, server: Server, organization_id: UUID, event: EventData
) -> None:
    await record(database, organization_id, event)
    elsewhere = await Client.connect(server.address, namespace="missing", data_converter=pydantic_data_converter)
    assert await dispatch(database, Dispatcher(elsewhere)) == Progress(0, "not_found")


async def test_what_was_dispatched_before_temporal_went_away_is_not_dispatched_again(
    database: Database, client: Client, organization_id: UUID
) -> None:
    asked: list[int] = []

    def react(event: EventRecord, data: EventData) -> Reaction:
        asked.append(event.sequence)
        if event.sequence == 3:
            raise AssertionError("not reached")
        return None if event.sequence == 1 else Signal("cycle-1", "pause")

    class Away(Dispatcher):
        async def _signal(self, signal: Signal) -> str:
            raise ConnectionRefusedError

    await record(database, organization_id, *(CyclePaused(cycle_id=uuid4()) for _ in range(3)))
    for expected in (1, 0, 0):
        assert await dispatch(database, Away(client, react)) == Progress(expected, "ConnectionRefusedError")
    assert asked == [1, 2, 2, 2]


async def test_one_dispatcher_works_at_a_time_and_the_next_follows_it(database: Database) -> None:
    async with reading.only_dispatcher(database) as first:
        assert first is not None
        async with reading.only_dispatcher(database) as second:
            assert second is None
    async with dispatching(database):
        pass


async def test_the_relay_goes_on_when_postgres_drops_its_connections(
    database: Database, client: Client, organization_id: UUID
) -> None:
    async with running_relay(database, client):
        for _ in range(2):
            requested = CycleRequested(cycle_id=uuid4(), program_id=uuid4())
            async with database.transaction() as session:
                await emit(session, organization_id, requested)
            await is_running(client, cycle_workflow_id(requested.cycle_id))
            async with database.transaction() as session:
                others = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
                await session.execute(text(others + " and backend_type = 'client backend'"))


async def test_two_relays_share_the_work_and_start_each_workflow_once(
    database: Database, client: Client, organization_id: UUID
) -> None:
    requested = [CycleRequested(cycle_id=uuid4(), program_id=uuid4()) for _ in range(30)]
    async with running_relay(database, client), running_relay(database, client):
        for event in requested:
            async with database.transaction() as session:
                await emit(session, organization_id, event)
        for event in requested:
            await is_running(client, cycle_workflow_id(event.cycle_id))
    assert [await runs_of(client, cycle_workflow_id(event.cycle_id)) for event in requested] == [1] * 30
