"""Measuring what no single request or activity knows: how much waits in the log, in messages and in Temporal's queues,
how cycles do, and how many connections this process uses. It is measured when somebody asks, and at most every few
seconds.

What is the same for all processes is measured by those that run the relay.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import QueuePool
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from services.events.log.store import lag
from services.notifications.store import waiting
from services.programs.store import stalls
from shared.database import Database
from shared.telemetry import metrics
from shared.telemetry.metrics import REGISTRY, Metric, Sample
from shared.temporal import WORKFLOWS_QUEUE
from upward.composition import QUEUES

log = structlog.get_logger(__name__)
LOOK_SECONDS = 5.0
PUSH_SECONDS = 15.0
BACKLOG_SECONDS = 2.0
KINDS = {
    "workflow": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    "activity": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}
Measure = Callable[[AsyncSession], Awaitable[list[Sample]]]


class OfService(NamedTuple):
    measure: Measure
    metrics: Sequence[Metric]


async def _measure_messages(session: AsyncSession) -> list[Sample]:
    running = await stalls.read_running(session)
    return await waiting.measure(session, [cycle.id for cycle in running if cycle.paused])


SERVICES = (
    OfService(
        lag.measure,
        (metrics.STAGED, metrics.STAGED_AGE, metrics.LAG, metrics.SET_ASIDE, metrics.ORGANIZATIONS_HELD),
    ),
    OfService(_measure_messages, (metrics.WAITING, metrics.WAITING_AGE)),
    OfService(stalls.measure, (metrics.CYCLES, metrics.STALLED, metrics.OVERDUE)),
)


class Measuring:
    """The measurements of one process. `client` is given where the relay runs, which measures for all."""

    def __init__(self, database: Database, client: Client | None = None) -> None:
        self._database, self._client = database, client
        self._looks_at = 0.0

    async def look(self) -> None:
        """Measures, unless it was done a moment ago. What cannot be measured is gone from the metrics until it can."""
        if monotonic() < self._looks_at:
            return
        self._looks_at = monotonic() + LOOK_SECONDS
        REGISTRY.put(_connections(self._database), [metrics.CONNECTIONS])
        if self._client is None:
            return
        for service in SERVICES:
            REGISTRY.put(await self._of(service.measure), service.metrics)
        REGISTRY.put(await _backlogs(self._client), [metrics.BACKLOG])

    async def _of(self, measure: Measure) -> list[Sample]:
        try:
            async with self._database.transaction() as session:
                return await measure(session)
        except Exception as error:
            log.warning("metrics.not_measured", error=type(error).__name__)
            return []


async def keep_measuring(measuring: Measuring, stop: asyncio.Event) -> None:
    """Measures again and again until `stop` is set, for a collector that is sent what was measured last."""
    while not stop.is_set():
        await measuring.look()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), PUSH_SECONDS)


def _connections(database: Database) -> list[Sample]:
    pool = database.engine.pool
    if not isinstance(pool, QueuePool):
        return []
    counts = {"in_use": pool.checkedout(), "idle": pool.checkedin(), "most": pool.size() * 2}
    return [Sample(metrics.CONNECTIONS, number, (state,)) for state, number in counts.items()]


async def _backlogs(client: Client) -> list[Sample]:
    """Empty while Temporal is away, or for a server that does not count."""
    asked = [("workflow", WORKFLOWS_QUEUE), *(("activity", queue) for queue in QUEUES if queue != WORKFLOWS_QUEUE)]
    try:
        async with asyncio.timeout(BACKLOG_SECONDS):
            return await asyncio.gather(*(_backlog(client, kind, queue) for kind, queue in asked))
    except Exception as error:
        log.info("metrics.not_measured", error=type(error).__name__)
        return []


async def _backlog(client: Client, kind: str, queue: str) -> Sample:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=KINDS[kind],
        report_stats=True,
    )
    found = await client.workflow_service.describe_task_queue(request)
    return Sample(metrics.BACKLOG, found.stats.approximate_backlog_count, (queue, kind))
