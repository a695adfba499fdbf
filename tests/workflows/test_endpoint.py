"""Endpoints: drained when they are called, again when something is due, and over when nothing is left."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle

from shared.contracts.endpoints import Drained, EndpointRef
from shared.temporal import WORKFLOWS_QUEUE
from tests.workflows.conftest import World
from workflows.endpoint import EndpointWorkflow
from workflows.ids import endpoint_workflow_id


@pytest.fixture
def endpoint(world: World) -> EndpointRef:
    return EndpointRef(organization_id=world.ledger.organization_id, endpoint_id=uuid4())


async def start(world: World, endpoint: EndpointRef) -> WorkflowHandle[EndpointWorkflow, None]:
    """As the fan-out does."""
    return await world.client.start_workflow(
        EndpointWorkflow.run,
        endpoint,
        id=endpoint_workflow_id(endpoint.endpoint_id),
        task_queue=WORKFLOWS_QUEUE,
        start_signal="call",
    )


async def test_an_endpoint_without_anything_left_is_drained_once_and_over(world: World, endpoint: EndpointRef) -> None:
    handle = await start(world, endpoint)
    await world.patiently(handle.result())
    assert world.ledger.drained == [endpoint]


async def test_it_sleeps_until_the_next_retry_is_due(world: World, endpoint: EndpointRef) -> None:
    due_at = await world.env.get_current_time() + timedelta(hours=14)
    world.ledger.drains = [Drained(next_due_at=due_at)]
    handle = await start(world, endpoint)
    await world.patiently(handle.result())
    assert len(world.ledger.drained) == 2
    assert await world.env.get_current_time() >= due_at


async def test_a_call_wakes_it_before_the_retry_is_due(world: World, endpoint: EndpointRef) -> None:
    due_at = await world.env.get_current_time() + timedelta(hours=14)
    world.ledger.drains = [Drained(next_due_at=due_at)]
    handle = await start(world, endpoint)
    await world.sleep(timedelta(minutes=1))
    await handle.signal("call")
    await world.patiently(drained_twice(world))  # without waiting for its end, which would let the time pass
    assert await world.env.get_current_time() < due_at
    await world.patiently(handle.result())
    assert len(world.ledger.drained) == 2


async def drained_twice(world: World) -> None:
    while len(world.ledger.drained) < 2:
        await asyncio.sleep(0.02)


async def test_a_call_while_it_drains_has_it_drained_again(world: World, endpoint: EndpointRef) -> None:
    async def call() -> None:
        await world.client.get_workflow_handle(endpoint_workflow_id(endpoint.endpoint_id)).signal("call")

    world.ledger.at_drain[1] = call
    handle = await start(world, endpoint)
    await world.patiently(handle.result())
    assert len(world.ledger.drained) == 2
