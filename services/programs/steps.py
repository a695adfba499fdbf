"""Whether the steps of running cycles are done: which activities fail again and again, and which no worker takes.

An activity that fails is tried again for ever. No list of Temporal tells of it, only the description of its workflow.
So each look asks for the descriptions of about `MOST` workflows: first of the cycles that are known to be stuck or
suspected of it, then of the others in turn. With a thousand running cycles everybody has had their turn after two or
three looks. A description is no billable action.

That a task waits for long does not mean that its worker does not run: when a quarter begins, hundreds of deliveries or
proposals wait for each other. So the queue is asked as well whether a worker has asked it for tasks.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import PendingActivityState, PendingWorkflowTaskState, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeWorkflowExecutionResponse
from temporalio.client import Client
from temporalio.service import RPCError

from shared.contracts.overview import StallReason
from shared.temporal import HELD, is_missing

OF_STEPS = (StallReason.NO_WORKER, StallReason.ACTIVITY_FAILING)
MOST = 1000
AT_ONCE = 10
TRIES = 4
"""An activity that failed less often is not noted. The fourth attempt begins after three and a half seconds."""
FAILS_SECONDS = 110.0
"""One that has failed for so long since it was noted, and again meanwhile, fails for ever."""
UNTAKEN = timedelta(minutes=3)
"""A task that no worker has taken for so long, from a queue that no worker has asked for so long, waits for a worker
that does not run, or whose places are all taken for minutes. One that waits for tasks asks again every minute."""


class Looked(NamedTuple):
    """What one look has found."""

    reasons: Mapping[UUID, Collection[StallReason]]
    cycles: Collection[UUID]
    """The cycles that were looked at. What was known of the others before holds."""


class Noted(NamedTuple):
    """That an activity fails, as it was seen first."""

    at: float
    attempt: int


class Steps:
    """What one process knows of the steps of all running cycles."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._last = {True: UUID(int=0), False: UUID(int=0)}
        """The cycle that was looked at last, of those that go first and of the others."""
        self._noted: dict[tuple[str, str], Noted] = {}
        """Activities that fail, by their workflow and their own id."""
        self._deserted: dict[str, bool] = {}
        """Whether no worker asks for the activities of these queues, as this look has found."""

    async def look(self, workflows: Mapping[UUID, Collection[str]], stuck: Collection[UUID], now: datetime) -> Looked:
        """Looks at workflows of cycles, those that are `stuck` first. Raises RPCError."""
        cycle_of = {workflow_id: cycle for cycle, ids in workflows.items() for workflow_id in ids}
        self._noted = {key: noted for key, noted in self._noted.items() if key[0] in cycle_of}
        first = {*stuck, *(cycle_of[workflow_id] for workflow_id, _ in self._noted)}
        cycles = [*self._turn(workflows, first, MOST // 2, goes_first=True)]
        left = MOST - sum(len(workflows[cycle]) for cycle in cycles)
        cycles += self._turn(workflows, workflows.keys() - first, left, goes_first=False)
        wanted = [workflow_id for cycle in cycles for workflow_id in workflows[cycle]]
        reasons: dict[UUID, set[StallReason]] = {}
        self._deserted.clear()
        for start in range(0, len(wanted), AT_ONCE):
            batch = wanted[start : start + AT_ONCE]
            described = await self._describe(batch)
            await self._ask_queues(described, now)
            for workflow_id, told in zip(batch, described, strict=True):
                cycle = cycle_of[workflow_id]
                found = set(self._judge(workflow_id, told, now, known=cycle in stuck)) if told is not None else set()
                reasons.setdefault(cycle, set()).update(found)
        return Looked(reasons, cycles)

    def _turn(
        self, workflows: Mapping[UUID, Collection[str]], cycles: Collection[UUID], most: int, *, goes_first: bool
    ) -> Iterator[UUID]:
        """The cycles whose turn it is, until so many workflows are reached."""
        ordered = sorted(cycles & workflows.keys())
        last, taken = self._last[goes_first], 0
        for cycle in [*(one for one in ordered if one > last), *(one for one in ordered if one <= last)]:
            if taken >= most:
                return
            taken += len(workflows[cycle])
            self._last[goes_first] = cycle
            yield cycle

    async def _describe(self, workflow_ids: Sequence[str]) -> list[DescribeWorkflowExecutionResponse | None]:
        return await asyncio.gather(*(self._describe_one(workflow_id) for workflow_id in workflow_ids))

    async def _describe_one(self, workflow_id: str) -> DescribeWorkflowExecutionResponse | None:
        try:
            return (await self._client.get_workflow_handle(workflow_id).describe()).raw_description
        except RPCError as error:
            if not is_missing(error):
                raise
            return None

    async def _ask_queues(self, described: Sequence[DescribeWorkflowExecutionResponse | None], now: datetime) -> None:
        """Asks the queues in which activities have waited for long, each once in a look."""
        pending = (one for told in described if told is not None for one in told.pending_activities)
        queues = {_queue_of(one) for one in pending if _waits_for_worker(one, now)}
        for queue in queues - self._deserted.keys():
            self._deserted[queue] = await self._is_deserted(queue, now)

    async def _is_deserted(self, queue: str, now: datetime) -> bool:
        if not queue:  # the server does not tell
            return True
        found = await self._client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self._client.namespace,
                task_queue=TaskQueue(name=queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            )
        )
        return all(_is_old(poller.last_access_time, now) for poller in found.pollers)

    def _judge(
        self, workflow_id: str, told: DescribeWorkflowExecutionResponse, now: datetime, *, known: bool
    ) -> Iterator[StallReason]:
        """`known` says that the cycle was stuck before, by what this process or another one saw."""
        task = told.pending_workflow_task
        scheduled = task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED
        if scheduled and task.attempt <= 1 and _is_old(task.scheduled_time, now):
            yield StallReason.NO_WORKER
        before = {key: noted for key, noted in self._noted.items() if key[0] == workflow_id}
        for key in before:
            del self._noted[key]
        for one in told.pending_activities:
            if _waits_for_worker(one, now) and self._deserted[_queue_of(one)]:
                yield StallReason.NO_WORKER
            elif _has_failed_often(one):
                key = workflow_id, one.activity_id
                noted = self._noted[key] = before.get(key, Noted(monotonic(), one.attempt))
                if known or (one.attempt > noted.attempt and monotonic() - noted.at >= FAILS_SECONDS):
                    yield StallReason.ACTIVITY_FAILING


def _queue_of(one: PendingActivityInfo) -> str:
    return one.activity_options.task_queue.name


def _waits_for_worker(one: PendingActivityInfo, now: datetime) -> bool:
    """An attempt that is due, and that nobody has begun."""
    scheduled = one.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    return scheduled and _is_old(one.scheduled_time, now) and _is_old(one.next_attempt_schedule_time, now, unless=True)


def _has_failed_often(one: PendingActivityInfo) -> bool:
    """What is held since a restore is told otherwise."""
    held = one.last_failure.application_failure_info.type == HELD
    return one.attempt >= TRIES and one.HasField("last_failure") and not held


def _is_old(moment: Timestamp, now: datetime, *, unless: bool = False) -> bool:
    """Whether the moment is over for so long that a worker would have taken the task; `unless` if it is not told."""
    if moment == Timestamp():
        return unless
    return now - moment.ToDatetime(tzinfo=now.tzinfo) >= UNTAKEN
