"""The product's own processes that read the log: the relay (sequencer, dispatcher, fan-out) and the worker that
delivers to endpoints, as `upward worker` runs them.

The worker waits for shorter times than the product, so that a kill costs seconds and not minutes, as in tests/faults. A
failed delivery is tried again after 0.1, 6 and 36 seconds (the product's schedule at a fiftieth of its length). A drain
whose worker was killed is given to another after 5 seconds (in the product: 20), and this time does not grow when it
fails again. The same things happen, only sooner. The worker knows only the workflow of endpoints, as no event of the
bench starts another one, and preparing all of them takes a second of a core at every start.
"""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from functools import partial

import temporalio.worker
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.common import RetryPolicy
from temporalio.service import RPCError
from temporalio.worker.workflow_sandbox import SandboxRestrictions

import services.events.main as events
import shared.temporal
from bench.event_readers import STOP_SECONDS, Stopping
from services.events.webhooks.rules.delivery import Schedule
from shared.config import Settings
from shared.contracts.base import Service
from shared.temporal import WORKFLOWS_QUEUE, connect
from upward import composition, process
from workflows import options
from workflows.endpoint import EndpointWorkflow

PACE = 1 / 50
NOTICED_AFTER = timedelta(seconds=5)
AT_ONCE_AGAIN = RetryPolicy(initial_interval=timedelta(seconds=0.5), backoff_coefficient=1)
STICKY = timedelta(seconds=2)
"""How long a workflow waits for the worker that has it in its cache, before any other worker takes it."""
QUEUES = {
    WORKFLOWS_QUEUE: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    Service.EVENTS: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}
READY_SECONDS = 60


async def run_relay(url: str, temporal: str, stopping: Stopping) -> None:
    stop = asyncio.Event()
    async with process.assemble(_settings(url), (), temporal) as (_, resources):
        await _run(process.run_relay(resources, stop), stop, stopping)


async def run_worker(url: str, temporal: str, stopping: Stopping) -> None:
    _lose_patience()
    stop = asyncio.Event()
    async with process.assemble(_settings(url), (), temporal) as (_, resources):
        workers = (process.run_worker(queue, resources, stop) for queue in QUEUES)
        await _run(asyncio.gather(*workers), stop, stopping)


def _settings(url: str) -> Settings:
    return Settings(database_url=url, webhook_development_networks=("127.0.0.0/8",))


async def _run(work: Awaitable[object], stop: asyncio.Event, stopping: Stopping) -> None:
    """Runs until it is asked to stop, or fails."""
    running = asyncio.ensure_future(work)
    while not (stopping() or running.done()):
        await asyncio.sleep(STOP_SECONDS)
    stop.set()
    await running


def _lose_patience() -> None:
    composition.ACTIVITIES[Service.EVENTS] = lambda resources: events.create_activities(
        database=resources.database, sender=resources.sender, schedule=Schedule(pace=PACE)
    )
    composition.workflows = lambda: (EndpointWorkflow,)
    options.EVENTS["heartbeat_timeout"] = NOTICED_AFTER
    options.EVENTS["retry_policy"] = AT_ONCE_AGAIN
    # Workflows must see the options of this process, not a fresh copy of the module.
    SandboxRestrictions.default = SandboxRestrictions.default.with_passthrough_modules("workflows.options")
    worker = partial(temporalio.worker.Worker, sticky_queue_schedule_to_start_timeout=STICKY)
    setattr(shared.temporal, "Worker", worker)  # noqa: B010 (mypy refuses the plain assignment)


async def wait_for_workers(temporal: str) -> None:
    """Waits until each task queue has a worker. Raises TimeoutError."""
    async with asyncio.timeout(READY_SECONDS):
        client = await connect(temporal)
        for name, kind in QUEUES.items():
            request = DescribeTaskQueueRequest(
                namespace=client.namespace, task_queue=TaskQueue(name=name), task_queue_type=kind
            )
            pollers = 0
            while not pollers:
                await asyncio.sleep(STOP_SECONDS)
                try:
                    pollers = len((await client.workflow_service.describe_task_queue(request)).pollers)
                except RPCError:  # it is on its way up
                    continue
