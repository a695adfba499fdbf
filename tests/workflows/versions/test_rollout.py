"""A change of the cycle is rolled out while cycles run: each goes over to it at its next stage, and none replays with
code that did not write its history. A release that is wrong is seen, and is rolled back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from shared.contracts.endpoints import Drained, EndpointRef
from shared.contracts.notifications import Announcement, Audience, Template
from shared.contracts.programs import Outcome, Stage
from shared.temporal import WORKFLOWS_QUEUE, connect, sandbox_runner
from tests.temporal_server import temporal_server
from tests.workflows.versions.company import DEPLOYMENT, HOLDS, Company, until
from tests.workflows.versions.releases import ChangedCycle, WrongCycle
from upward.deployment.health import count_running
from upward.deployment.moving import begin_again
from upward.deployment.rollout import NotThere, Withdrawn, move, promote, report, rollback
from upward.deployment.routing import UNVERSIONED, State, read_routing
from workflows.announcement import AnnouncementWorkflow
from workflows.cycle import CycleWorkflow
from workflows.endpoint import EndpointWorkflow
from workflows.ids import announcement_workflow_id, cycle_workflow_id, endpoint_workflow_id

OFTEN = {
    # How often the server looks whether a version is drained; by default every three minutes.
    "matching.wv.VersionDrainageStatusRefreshInterval": '"10s"',
    "matching.wv.VersionDrainageStatusVisibilityGracePeriod": '"10s"',
}


@pytest.fixture
async def company(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Company]:
    """Of a server with the settings that the test asks for."""
    with temporal_server(tmp_path, getattr(request, "param", None)) as server:
        company = Company(await connect(server.address, lazy=False))
        async with company.services():
            yield company


def quiet(line: str) -> None:
    """What the commands say is not looked at."""


async def replays(history: WorkflowHistory, cycle: type) -> bool:
    replayer = Replayer(
        workflows=[cycle],
        data_converter=pydantic_data_converter,
        workflow_runner=sandbox_runner(),
    )
    replayed = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    assert replayed.replay_failure is None or isinstance(replayed.replay_failure, NondeterminismError)
    return replayed.replay_failure is None


EXPECTED = {
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,  # a signal came first, and was not lost
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE,  # of the wrong release
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
}
"""Why workflow tasks fail. Not among them: that the code does not fit the history."""


def failures(histories: Sequence[WorkflowHistory]) -> set[int]:
    """Why workflow tasks of these runs failed."""
    failed = [event.workflow_task_failed_event_attributes for history in histories for event in history.events]
    return {one.cause for one in failed if one.ByteSize()}


async def all_end(company: Company, cycles: Sequence[UUID]) -> None:
    for stage in HOLDS:
        await company.go_on([one for one in cycles if company.programs.stages[one] is stage])
    results = [await company.client.get_workflow_handle(cycle_workflow_id(one)).result() for one in cycles]
    assert {result["outcome"] for result in results} <= {Outcome.COMPLETED}
    assert [company.programs.stages[one] for one in cycles] == [Stage.COMPLETED] * len(cycles)


async def test_a_cycle_that_runs_goes_over_to_a_change_at_its_next_stage_and_back_from_a_wrong_one(
    company: Company,
) -> None:
    async with company.release("a"), company.release("b", ChangedCycle), company.release("c", WrongCycle):
        await promote(company.place("a"), wait_seconds=600, say=quiet)
        [cycle_id] = await company.start(1)
        await promote(company.place("b"), wait_seconds=600, say=quiet)
        assert await company.version_of(cycle_id) == "a", "what runs stays where it began"
        await company.go_on([cycle_id])
        assert await company.version_of(cycle_id) == "b"
        await promote(company.place("c"), wait_seconds=600, say=quiet)
        following = await company.act(cycle_id)
        await until(lambda: failing_are(company, {cycle_id}))
        await rollback(company.place("b"), say=quiet)
        await company.waiting([cycle_id], following)
        assert await company.version_of(cycle_id) == "b"


@pytest.mark.long
async def test_workers_come_to_versions_and_what_is_promoted_and_fails_is_rolled_back_by_itself(
    company: Company,
) -> None:
    async with company.release(None):
        [unversioned] = await company.start(1)
        with pytest.raises(NotThere):
            await promote(company.place("a"), say=quiet)
    async with company.release("a"):
        await promote(company.place("a"), wait_seconds=600, say=quiet)
        even, odd = await company.start(2)
        await company.go_on([unversioned])
        assert {await company.version_of(one) for one in company.cycles} == {"a"}
        async with company.release("b", ChangedCycle):
            await promote(company.place("b"), wait_seconds=600, say=quiet)
            await company.go_on([odd])
            await company.go_on([odd])
            _, in_intake, in_matching, *_ = await company.histories(odd)
            assert [await replays(in_intake, cycle) for cycle in (CycleWorkflow, ChangedCycle)] == [True, False]
            assert [await replays(in_matching, cycle) for cycle in (CycleWorkflow, ChangedCycle)] == [False, True]
            async with company.release("c", WrongCycle):
                going = asyncio.create_task(promote(company.place("c"), wait_seconds=600, watch_seconds=600, say=quiet))
                await until(lambda: current_is(company, "c"))
                following = {one: await company.act(one) for one in (even, odd)}
                with pytest.raises(Withdrawn):
                    await going
                assert await current_is(company, "b")
                for cycle_id, stage in following.items():
                    await company.waiting([cycle_id], stage)
                await all_end(company, company.cycles)


async def current_is(company: Company, build_id: str) -> bool:
    return (await read_routing(company.client, DEPLOYMENT)).current == build_id


@pytest.mark.long
async def test_a_change_is_rolled_out_through_fifty_running_cycles_and_a_wrong_one_is_rolled_back(
    company: Company,
) -> None:
    client = company.client
    async with company.release("b", ChangedCycle), company.release("c", WrongCycle):
        async with company.release("a"):
            await promote(company.place("a"), wait_seconds=600, say=quiet)
            cycles = await company.start(50)
            for number in range(len(HOLDS)):  # ten cycles in each stage
                await company.go_on(cycles[10 * (number + 1) :])
        await promote(company.place("b"), wait_seconds=600, say=quiet)
        async with company.release("a"):  # it was stopped, and now replays what it goes on with
            assert {await company.version_of(one) for one in cycles} == {"a"}
            await company.go_on(cycles)
            running = [one for one in cycles if company.programs.stages[one] is not Stage.COMPLETED]
            assert len(running) == 40
            assert {await company.version_of(one) for one in running} == {"b"}
            await until(lambda: runs(company, "a", {}))
        await promote(company.place("c"), wait_seconds=600, say=quiet)
        following = {one: await company.act(one) for one in running}
        expected = {one for one, stage in following.items() if fails(one, stage)}
        await until(lambda: failing_are(company, expected))
        assert (await read_routing(client, DEPLOYMENT)).current == "c"
        await rollback(company.place("b"), say=quiet)
        for one, stage in following.items():
            await company.waiting([one], stage)
        assert (await report(company.place("b")))[1] == []
        await all_end(company, [one for one in running if company.programs.stages[one] is not Stage.COMPLETED])
    for one in cycles:
        histories = await company.histories(one)
        assert len(histories) > 5, "each stage begins a run"
        assert failures(histories) <= EXPECTED


def fails(cycle_id: UUID, stage: Stage) -> bool:
    """Whether the wrong release fails on its way to this stage, or in it."""
    return stage is not Stage.COMPLETED and (cycle_id.int % 2 == 0 or stage in (Stage.ACTIVE, Stage.CLOSING))


async def failing_are(company: Company, expected: set[UUID]) -> bool:
    _, failing = await report(company.place("b"))
    return {one.workflow_id for one in failing} == {cycle_workflow_id(one) for one in expected}


async def may_be_stopped(company: Company, build_id: str) -> bool:
    lines, _ = await report(company.place(build_id))
    return any(line.startswith(f"{State.DRAINED:<10}{build_id}") and "may be stopped" in line for line in lines)


@pytest.mark.long
@pytest.mark.parametrize("company", [OFTEN], indirect=True, ids=["drained-soon"])
async def test_what_still_runs_on_an_earlier_version_can_be_moved_and_versions_can_be_given_up(
    company: Company,
) -> None:
    async with company.release("a"), company.release("b"):
        await promote(company.place("a"), wait_seconds=600, say=quiet)
        moved, other = await company.start(2)
        await promote(company.place("b"), wait_seconds=600, say=quiet)
        await until(lambda: runs(company, "a", {"CycleWorkflow": 2, "RoundWorkflow": 2}))
        await move(company.place("b"), "a", say=quiet)
    async with company.release("b"):
        await company.go_on([moved])
        with pytest.raises(NotThere):
            await move(company.place("b"), "b", say=quiet)
        await until(lambda: may_be_stopped(company, "a"))
        async with company.release(None):
            await rollback(company.place("b"), to=UNVERSIONED, say=quiet)
            await company.go_on([moved, other])
            await all_end(company, [moved, other])


async def runs(company: Company, build_id: str, expected: dict[str, int]) -> bool:
    return await count_running(company.client, DEPLOYMENT, build_id) == expected


@pytest.mark.long
async def test_a_version_can_be_tried_on_a_share_of_new_runs(company: Company) -> None:
    async with company.release("a"), company.release("b"):
        await promote(company.place("a"), wait_seconds=600, say=quiet)
        await promote(company.place("b"), percent=100, wait_seconds=600, say=quiet)
        [cycle_id] = await company.start(1)
        routing = await read_routing(company.client, DEPLOYMENT)
        assert (routing.current, routing.ramping, routing.percent) == ("a", "b", 100)
        await company.go_on([cycle_id])
        assert await company.version_of(cycle_id) == "b"
        await rollback(company.place("b"), say=quiet)
        await company.go_on([cycle_id])
        assert await company.version_of(cycle_id) == "a"


@pytest.mark.long
async def test_an_endpoint_and_an_announcement_go_over_after_a_delivery(company: Company) -> None:
    client, ledger = company.client, company.ledger
    endpoint = EndpointRef(organization_id=ledger.organization_id, endpoint_id=uuid4())
    announcement = Announcement(
        organization_id=ledger.organization_id,
        cycle_id=ledger.cycle_id,
        scope_id=ledger.cycle_id,
        template=Template.KICKOFF,
        audience=Audience.PARTICIPANTS,
    )
    ids = endpoint_workflow_id(endpoint.endpoint_id), announcement_workflow_id(announcement.id)
    late = Drained(next_due_at=datetime.now(UTC) + timedelta(days=1))
    ledger.drains = [late] * 10_000
    company.notifications.late = True
    async with company.release("a"), company.release("b"):
        await promote(company.place("a"), wait_seconds=600, say=quiet)
        called = await client.start_workflow(
            EndpointWorkflow.run, endpoint, id=ids[0], task_queue=WORKFLOWS_QUEUE, start_signal="call"
        )
        telling = await client.start_workflow(
            AnnouncementWorkflow.run, announcement, id=ids[1], task_queue=WORKFLOWS_QUEUE
        )
        assert [await company.version_of_run(one) for one in ids] == ["a", "a"]
        await promote(company.place("b"), wait_seconds=600, say=quiet)

        async def goes_over() -> bool:
            """A worker learns that there is a newer version a moment after it has become the current one."""
            await called.signal(EndpointWorkflow.call)
            return await goes_with(company, ids[0], "b")

        await until(goes_over)
        await until(lambda: goes_with(company, ids[1], "b"))
        company.notifications.late = False
        ledger.drains.clear()
        await called.signal(EndpointWorkflow.call)
        await asyncio.gather(called.result(), telling.result())
        assert [await company.version_of_run(one) for one in ids] == ["b", "b"]
    assert ledger.announced == [announcement], "its messages were prepared once"


@pytest.mark.long
async def test_a_run_that_was_signalled_before_its_first_task_can_begin_again(company: Company) -> None:
    """As that of every endpoint is."""
    client, ledger = company.client, company.ledger
    endpoint = EndpointRef(organization_id=ledger.organization_id, endpoint_id=uuid4())
    late = Drained(next_due_at=datetime.now(UTC) + timedelta(days=1))
    ledger.drains = [late]
    called = await client.start_workflow(
        EndpointWorkflow.run,
        endpoint,
        id=endpoint_workflow_id(endpoint.endpoint_id),
        task_queue=WORKFLOWS_QUEUE,
        start_signal="call",
    )

    async def drained() -> bool:
        return not ledger.drains

    async with company.release(None):
        await until(drained, pause=0.1)
        ledger.drains = [late]
        assert await begin_again(client, called.id, str(called.first_execution_run_id))
        await until(drained, pause=0.1)
        await client.get_workflow_handle(called.id).terminate()
        assert not await begin_again(client, f"{called.id}-unknown", str(called.first_execution_run_id))


async def goes_with(company: Company, workflow_id: str, build_id: str) -> bool:
    return await company.version_of_run(workflow_id) == build_id
