"""Organizations take turns in the task queues of a real Temporal server, and long work waits behind what is short."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, ScheduleActionStartWorkflow, WorkflowHandle

from services.programs.schedules import quarterly_schedule, weekly_schedule
from shared.contracts.base import Service
from shared.contracts.notifications import (
    Announcement,
    Audience,
    DeliverMessages,
    Delivery,
    MessagesPrepared,
    PrepareMessages,
    Template,
)
from shared.contracts.programs import OrganizationRef, ProgramRef, ScheduleApplied
from shared.temporal import WORKFLOWS_QUEUE, connect, create_worker, share_of
from tests.patience import PATIENCE_SECONDS
from tests.temporal_server import Server, temporal_server
from workflows.announcement import AnnouncementWorkflow
from workflows.scheduled.overview import MondayWorkflow

LARGE, SMALL = uuid4(), uuid4()
MANY = 12
ONE_PARTITION = {"matching.numTaskqueueReadPartitions": "1", "matching.numTaskqueueWritePartitions": "1"}
"""A queue has four partitions, and Temporal keeps an order within each."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with temporal_server(tmp_path_factory.mktemp("temporal"), ONE_PARTITION) as server:
        yield server


@pytest.fixture
async def client(server: Server) -> Client:
    return await connect(server.address, lazy=False)


@workflow.defn(sandboxed=False)
class Child:
    @workflow.run
    async def run(self, organization: OrganizationRef) -> None: ...


@workflow.defn(sandboxed=False)
class Parent:
    """Goes on in a second run, which has a child."""

    @workflow.run
    async def run(self, organization: OrganizationRef) -> None:
        if workflow.info().continued_run_id is None:
            workflow.continue_as_new(organization)
        await workflow.execute_child_workflow(Child.run, organization, id=f"child-{organization.organization_id}")


async def share(handle: WorkflowHandle[Any, Any]) -> str:
    """The fairness key with which the last run of a workflow was started."""
    async for event in handle.fetch_history_events():
        return event.workflow_execution_started_event_attributes.priority.fairness_key
    raise LookupError


async def worked_off(
    client: Client, queue: Service, started: list[WorkflowHandle[Any, Any]], activities: list[Callable[..., Any]]
) -> None:
    """Lets the activities of these workflows wait in their queue, all of them, and then works them off one by one."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with create_worker(client, WORKFLOWS_QUEUE, workflows=[MondayWorkflow, AnnouncementWorkflow]):
            for handle in started:
                while not (await handle.describe()).raw_description.pending_activities:
                    await asyncio.sleep(0.02)
            async with create_worker(client, queue.value, activities=activities, at_once=1):
                for handle in started:
                    await handle.result()


async def test_the_backlog_of_one_organization_holds_up_no_other(client: Client) -> None:
    served: list[UUID] = []

    @activity.defn
    async def ensure_overview(organization: OrganizationRef) -> ScheduleApplied:
        served.append(organization.organization_id)
        return ScheduleApplied(active=True)

    started = [
        await client.start_workflow(
            MondayWorkflow.run,
            OrganizationRef(organization_id=organization_id),
            id=f"{organization_id}-{number}",
            task_queue=WORKFLOWS_QUEUE,
        )
        for number, organization_id in enumerate([LARGE] * MANY + [SMALL])
    ]
    await worked_off(client, Service.PROGRAMS, started, [ensure_overview])
    assert sorted(served) == sorted([LARGE] * MANY + [SMALL])
    assert served.index(SMALL) <= 2


async def test_a_delivery_waits_behind_what_is_told_next(client: Client) -> None:
    """Deliveries are long, and may be many."""
    done: list[str] = []

    @activity.defn
    async def prepare_messages(request: PrepareMessages) -> MessagesPrepared:
        done.append("prepared")
        return MessagesPrepared(prepared=1)

    @activity.defn
    async def deliver_messages(request: DeliverMessages) -> Delivery:
        done.append("delivered")
        return Delivery(sent=1, failed=0, waiting=0)

    started = []
    for again in (*[True] * MANY, False):
        announcement = Announcement(
            organization_id=LARGE,
            scope_id=uuid4(),
            template=Template.KICKOFF,
            audience=Audience.PARTICIPANTS,
            again=again,  # it is delivered without being prepared
        )
        run = AnnouncementWorkflow.run
        started.append(
            await client.start_workflow(run, announcement, id=str(announcement.id), task_queue=WORKFLOWS_QUEUE)
        )
    await worked_off(client, Service.NOTIFICATIONS, started, [prepare_messages, deliver_messages])
    assert done.count("delivered") == MANY + 1
    assert done.index("prepared") <= 2


async def test_later_runs_and_children_of_a_workflow_have_its_share(client: Client) -> None:
    async with create_worker(client, WORKFLOWS_QUEUE, workflows=[Parent, Child]):
        started = await client.start_workflow(
            Parent.run, OrganizationRef(organization_id=SMALL), id=f"parent-{SMALL}", task_queue=WORKFLOWS_QUEUE
        )
        await started.result()
    for workflow_id in (f"parent-{SMALL}", f"child-{SMALL}"):
        assert await share(client.get_workflow_handle(workflow_id)) == str(SMALL)


def test_what_a_schedule_starts_has_the_share_of_its_organization() -> None:
    program = ProgramRef(organization_id=SMALL, program_id=uuid4())
    for schedule in (quarterly_schedule(program, "UTC"), weekly_schedule(OrganizationRef(organization_id=SMALL))):
        assert isinstance(schedule.action, ScheduleActionStartWorkflow)
        assert schedule.action.priority == share_of(SMALL)
