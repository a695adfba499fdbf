"""An activity that fails for minutes, and a step that no worker takes, stall their cycle."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio import activity, workflow
from temporalio.api.enums.v1 import PendingActivityState, PendingWorkflowTaskState
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.workflow.v1 import PendingActivityInfo, PendingWorkflowTaskInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from services.programs import steps
from services.programs.watching import Watch
from shared.contracts.overview import StallReason
from shared.database import Database
from shared.temporal import connect
from tests.patience import PATIENCE_SECONDS
from tests.services.watching.world import Headers, Workflows, add_round, stalled, told
from tests.temporal_server import temporal_server


@workflow.defn(name="Stuck", sandboxed=False)
class Stuck:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(
            "break_down", task_queue="stuck-activities", start_to_close_timeout=timedelta(seconds=10)
        )


def failing(attempt: int, code: str = "OperationalError", id: str = "1") -> DescribeWorkflowExecutionResponse:
    failure = Failure(application_failure_info=ApplicationFailureInfo(type=code))
    state = PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    soon = moment(datetime.now(UTC) + timedelta(minutes=1))
    one = PendingActivityInfo(activity_id=id, state=state, attempt=attempt, last_failure=failure, scheduled_time=soon)
    return DescribeWorkflowExecutionResponse(pending_activities=[one])


def moment(at: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(at)
    return found


async def test_an_activity_that_fails_for_minutes_stalls_its_cycle_until_it_succeeds(
    http: httpx.AsyncClient,
    db: Database,
    watch: Watch,
    temporal: Workflows,
    key: Headers,
    organization_id: UUID,
    cycle_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    round_id = await add_round(db, cycle_id, datetime.now(UTC) + timedelta(days=1))
    temporal.attributes |= {"announcement-1": str(cycle_id), "concern-1": str(cycle_id)}
    workflow_ids = (f"cycle-{cycle_id}", f"round-{round_id}", "announcement-1", "concern-1")
    temporal.running |= {*workflow_ids}
    for workflow_id in workflow_ids:
        monkeypatch.setattr(steps, "FAILS_SECONDS", 110)
        temporal.pending[workflow_id] = failing(attempt=5)
        await watch.look()
        temporal.pending[workflow_id] = failing(attempt=6)
        await watch.look()
        assert await stalled(http, key, cycle_id) is None, "it may be over in a moment, as when a server starts again"
        monkeypatch.setattr(steps, "FAILS_SECONDS", 0)
        await watch.look()
        assert await stalled(http, key, cycle_id) == StallReason.ACTIVITY_FAILING
        del temporal.pending[workflow_id]
        await watch.look()
        assert await stalled(http, key, cycle_id) is None
    assert await told(db, organization_id) == [StallReason.ACTIVITY_FAILING] * 4


async def test_an_activity_that_works_at_its_fifth_attempt_or_is_held_stalls_no_cycle(
    http: httpx.AsyncClient,
    watch: Watch,
    temporal: Workflows,
    key: Headers,
    cycle_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "FAILS_SECONDS", 0)
    for first, then in ((failing(5), failing(5)), (failing(5, "held"), failing(6, "held")), (failing(2), failing(3))):
        for tried in (first, then):
            temporal.pending[f"cycle-{cycle_id}"] = tried
            await watch.look()
            assert await stalled(http, key, cycle_id) is None


async def test_a_step_that_no_worker_takes_stalls_its_cycle(
    http: httpx.AsyncClient, watch: Watch, temporal: Workflows, key: Headers, cycle_id: UUID
) -> None:
    states = PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED, PendingWorkflowTaskState
    scheduled = states[1].PENDING_WORKFLOW_TASK_STATE_SCHEDULED
    for age, expected in ((timedelta(minutes=2), None), (timedelta(minutes=4), StallReason.NO_WORKER)):
        at = moment(datetime.now(UTC) - age)
        activity = PendingActivityInfo(activity_id="1", state=states[0], attempt=1, scheduled_time=at)
        task = PendingWorkflowTaskInfo(state=scheduled, attempt=1, scheduled_time=at)
        for tried in (
            DescribeWorkflowExecutionResponse(pending_activities=[activity]),
            DescribeWorkflowExecutionResponse(pending_workflow_task=task),
        ):
            temporal.pending[f"cycle-{cycle_id}"] = tried
            await watch.look()
            assert await stalled(http, key, cycle_id) == expected
            temporal.pending.clear()
            await watch.look()
            assert await stalled(http, key, cycle_id) is None


async def test_a_step_that_waits_for_its_turn_with_a_worker_that_runs_stalls_no_cycle(
    http: httpx.AsyncClient, watch: Watch, temporal: Workflows, key: Headers, cycle_id: UUID
) -> None:
    """As hundreds of deliveries wait when a quarter begins and the mail server is slow."""
    now = datetime.now(UTC)
    waits = PendingActivityInfo(
        activity_id="1",
        state=PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED,
        attempt=1,
        scheduled_time=moment(now - timedelta(minutes=9)),
    )
    waits.activity_options.task_queue.name = "notifications"
    temporal.pending[f"cycle-{cycle_id}"] = DescribeWorkflowExecutionResponse(pending_activities=[waits])
    for asked, expected in ((1, None), (4, StallReason.NO_WORKER), (0, None)):
        temporal.polled["notifications"] = now - timedelta(minutes=asked)
        await watch.look()
        assert await stalled(http, key, cycle_id) == expected
    del temporal.polled["notifications"]
    await watch.look()
    assert await stalled(http, key, cycle_id) == StallReason.NO_WORKER, "no worker was ever there"


async def test_another_process_that_has_not_seen_an_activity_fail_leaves_its_cycle_stalled(
    http: httpx.AsyncClient,
    db: Database,
    app: FastAPI,
    watch: Watch,
    temporal: Workflows,
    key: Headers,
    organization_id: UUID,
    cycle_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "FAILS_SECONDS", 0)
    for attempt in (5, 6):
        temporal.pending[f"cycle-{cycle_id}"] = failing(attempt)
        await watch.look()
    monkeypatch.setattr(steps, "FAILS_SECONDS", 110)
    another = Watch(db, app.state.internal, cast(Client, temporal))
    for most in (steps.MOST, 0):
        monkeypatch.setattr(steps, "MOST", most)
        await another.look()
        assert await stalled(http, key, cycle_id) == StallReason.ACTIVITY_FAILING
    assert await told(db, organization_id) == [StallReason.ACTIVITY_FAILING]


async def test_a_look_describes_only_some_workflows_and_all_have_their_turn(
    temporal: Workflows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "MOST", 10)
    cycles = [uuid4() for _ in range(12)]
    workflows = {one: {f"cycle-{one}", f"round-{one}"} for one in cycles}
    looking, stuck = steps.Steps(cast(Client, temporal)), set(cycles[:4])
    seen = set[UUID]()
    for _ in range(4):
        temporal.described.clear()
        looked = await looking.look(workflows, stuck, datetime.now(UTC))
        assert len(temporal.described) <= 12
        assert stuck & set(looked.cycles), "those that are stuck go first"
        seen |= set(looked.cycles)
    assert seen == set(cycles)


async def is_asked_by_nobody(client: Client) -> bool:
    return await steps.Steps(client)._is_deserted("stuck-activities", datetime.now(UTC))


@pytest.mark.long
async def test_a_real_server_tells_of_an_activity_that_fails_and_of_one_that_no_worker_takes(
    http: httpx.AsyncClient,
    db: Database,
    app: FastAPI,
    key: Headers,
    cycle_id: UUID,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "FAILS_SECONDS", 5)
    monkeypatch.setattr(steps, "UNTAKEN", timedelta(seconds=5))

    @activity.defn
    async def break_down() -> None:
        raise ValueError("always")

    with temporal_server(tmp_path) as server:
        client = await connect(server.address, lazy=False)
        watch = Watch(db, app.state.internal, client)

        async def looks_until(reason: StallReason) -> None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await stalled(http, key, cycle_id) != reason:
                    await asyncio.sleep(1)
                    await watch.look()

        handle = await client.start_workflow("Stuck", id=f"cycle-{cycle_id}", task_queue="stuck")
        await looks_until(StallReason.NO_WORKER)
        runner = UnsandboxedWorkflowRunner()
        async with Worker(client, task_queue="stuck", workflows=[Stuck], workflow_runner=runner):
            await looks_until(StallReason.NO_WORKER)  # of the activity now
            assert await is_asked_by_nobody(client)
            async with Worker(client, task_queue="stuck-activities", activities=[break_down]):
                await looks_until(StallReason.ACTIVITY_FAILING)
                monkeypatch.setattr(steps, "UNTAKEN", timedelta(minutes=3))
                assert not await is_asked_by_nobody(client)
                monkeypatch.setattr(steps, "UNTAKEN", timedelta(seconds=5))
            await handle.terminate()
            await looks_until(StallReason.WORKFLOW_MISSING)
