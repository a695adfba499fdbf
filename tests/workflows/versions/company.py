"""Many cycles on a real development server, with services in memory and workers of several releases."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowHistory
from temporalio.common import WorkerDeploymentVersion

from shared.contracts.base import Service
from shared.contracts.notifications import DeliverMessages, Delivery
from shared.contracts.programs import Calendar, RecordStage, RoundPlan, Stage, StageRecorded
from shared.contracts.rounds import RoundKind, round_id_for
from shared.temporal import WORKFLOWS_QUEUE, activity_methods, create_worker
from tests.fakes import FakeEvents, FakeFeedback, FakeIntake, FakeMatching, FakeNotifications, FakePrograms, Ledger
from tests.patience import PATIENCE_SECONDS
from upward.deployment.rollout import Place
from workflows.announcement import AnnouncementWorkflow
from workflows.cycle import CycleWorkflow
from workflows.endpoint import EndpointWorkflow
from workflows.ids import cycle_workflow_id, round_workflow_id
from workflows.round import RoundWorkflow
from workflows.states.cycle_state import CycleState, RunApproved

DEPLOYMENT = "upward-tests"
SOON = timedelta(milliseconds=200)
PLAN = RoundPlan(length=timedelta(days=5))
CALENDAR = Calendar(
    enrolment=PLAN, acceptance=PLAN, check_in=PLAN, survey=PLAN, check_ins=1, first_check_in=SOON, sending_hours=None
)
HOLDS = (Stage.INTAKE, Stage.REVIEW, Stage.KICKOFF, Stage.ACTIVE, Stage.CLOSING)
"""The stages in which a cycle waits for people."""
ROUNDS = {
    Stage.INTAKE: RoundKind.ENROLMENT,
    Stage.KICKOFF: RoundKind.ACCEPTANCE,
    Stage.ACTIVE: RoundKind.CHECK_IN,
    Stage.CLOSING: RoundKind.SURVEY,
}


class Programs(FakePrograms):
    """Knows the stage of each cycle."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.stages: dict[UUID, Stage] = defaultdict(lambda: Stage.SCHEDULED)

    @activity.defn
    async def record_stage(self, request: RecordStage) -> StageRecorded:
        self.stages[request.cycle_id] = request.stage
        return StageRecorded(stage=request.stage)


class Notifications(FakeNotifications):
    """A message of each announcement waits while `late` is set."""

    late = False

    @activity.defn
    async def deliver_messages(self, request: DeliverMessages) -> Delivery:
        if self.late:
            return Delivery(sent=0, failed=0, waiting=1, next_due_at=datetime.now(UTC) + SOON)
        return await super().deliver_messages(request)


async def until(condition: Callable[[], Awaitable[bool]], pause: float = 1) -> None:
    """Waits until it is so, and looks again after so many seconds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():
            await asyncio.sleep(pause)


class Company:
    """The cycles, and what people do in them."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.ledger = Ledger()
        self.ledger.calendar = CALENDAR
        self.programs = Programs(self.ledger)
        self.notifications = Notifications(self.ledger)
        self.cycles: list[UUID] = []

    def place(self, build_id: str) -> Place:
        return Place(self.client, DEPLOYMENT, build_id)

    @contextlib.asynccontextmanager
    async def services(self) -> AsyncIterator[None]:
        """The workers of the activities, which have no version."""
        fakes = {
            Service.PROGRAMS: self.programs,
            Service.INTAKE: FakeIntake(self.ledger),
            Service.MATCHING: FakeMatching(self.ledger),
            Service.FEEDBACK: FakeFeedback(self.ledger),
            Service.NOTIFICATIONS: self.notifications,
            Service.EVENTS: FakeEvents(self.ledger),
        }
        async with contextlib.AsyncExitStack() as workers:
            for service, fake in fakes.items():
                worker = create_worker(self.client, service.value, activities=activity_methods(fake))
                await workers.enter_async_context(worker)
            yield

    @contextlib.asynccontextmanager
    async def release(self, build_id: str | None, cycle: type = CycleWorkflow) -> AsyncIterator[None]:
        """A worker of the workflows of this version, or of none, whose cycle may be another one."""
        workflows = (cycle, RoundWorkflow, AnnouncementWorkflow, EndpointWorkflow)
        version = WorkerDeploymentVersion(DEPLOYMENT, build_id) if build_id is not None else None
        async with create_worker(self.client, WORKFLOWS_QUEUE, workflows=workflows, version=version):
            yield

    async def start(self, count: int) -> list[UUID]:
        """Starts so many cycles and waits until all of them ask people to enrol. The first id is even, the next is odd,
        and so on."""
        made = [UUID(int=uuid4().int & ~1 | number % 2) for number in range(count)]
        for cycle_id in made:
            state = CycleState(organization_id=self.ledger.organization_id, cycle_id=cycle_id)
            await self.client.start_workflow(
                "CycleWorkflow", state, id=cycle_workflow_id(cycle_id), task_queue=WORKFLOWS_QUEUE
            )
        self.cycles += made
        await self.waiting(made, Stage.INTAKE)
        return made

    async def act(self, cycle_id: UUID) -> Stage:
        """What people are asked for in the stage of this cycle is done. Returns the stage that follows."""
        stage = self.programs.stages[cycle_id]
        if stage is Stage.REVIEW:
            cycle = self.client.get_workflow_handle(cycle_workflow_id(cycle_id))
            await cycle.signal("approve", RunApproved(sequence=1, match_run_id=uuid4()))
        else:
            round_id = round_id_for(cycle_id, ROUNDS[stage], 1)
            await self.client.get_workflow_handle(round_workflow_id(round_id)).signal("everyone_answered")
        return (*HOLDS, Stage.COMPLETED)[HOLDS.index(stage) + 1]

    async def go_on(self, cycles: Sequence[UUID]) -> None:
        """Each of these cycles goes on to the next stage in which it waits, or ends."""
        following = {cycle_id: await self.act(cycle_id) for cycle_id in cycles}
        for cycle_id, stage in following.items():
            await self.waiting([cycle_id], stage)

    async def waiting(self, cycles: Sequence[UUID], stage: Stage) -> None:
        """Waits until these cycles wait for people in this stage, or have ended."""

        async def there() -> bool:
            opened = {found.round_id for found in self.ledger.opened}
            asked = stage not in ROUNDS or all(round_id_for(one, ROUNDS[stage], 1) in opened for one in cycles)
            return asked and all(self.programs.stages[one] is stage for one in cycles)

        await until(there, pause=0.05)

    async def version_of(self, cycle_id: UUID) -> str:
        """The version that the run of the cycle stays with."""
        return await self.version_of_run(cycle_workflow_id(cycle_id))

    async def version_of_run(self, workflow_id: str) -> str:
        """The version that the run of this workflow stays with. One that has just begun does not yet."""
        found = ""

        async def known() -> bool:
            nonlocal found
            described = await self.client.get_workflow_handle(workflow_id).describe()
            found = described.raw_description.workflow_execution_info.versioning_info.deployment_version.build_id
            return found != ""

        await until(known)
        return found

    async def histories(self, cycle_id: UUID) -> list[WorkflowHistory]:
        """Of all runs of the cycle, the first one first."""
        found: list[WorkflowHistory] = []
        run_id: str | None = None
        while run_id != "":
            handle = self.client.get_workflow_handle(cycle_workflow_id(cycle_id), run_id=run_id)
            found.insert(0, await handle.fetch_history())
            run_id = found[0].events[0].workflow_execution_started_event_attributes.continued_execution_run_id
        return found
