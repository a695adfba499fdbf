"""What the watch asks of Temporal, and what tests ask of a cycle."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    DescribeWorkflowExecutionResponse,
)
from temporalio.client import WorkflowExecutionStatus
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCStatusCode

from services.programs.models import CycleRow
from services.programs.watching import FAILING, RUNNING, SEARCHED
from shared.database import Database
from shared.rounds.models import Round
from tests.services.faulty_temporal import answer
from tests.services.programs_examples import staged

Headers = dict[str, str]
LONG_AGO = datetime.now(UTC) - timedelta(minutes=10)


class Workflows:
    """What the watch asks of Temporal."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.unlisted: set[str] = set()
        """Workflows that run, though the list lacks them."""
        self.failing: set[str] = set()
        self.attributes: dict[str, str] = {}
        """The cycle that each workflow can be found by."""
        self.away = False
        self.pending: dict[str, DescribeWorkflowExecutionResponse] = {}
        """The activities and the task of each workflow that are not done."""
        self.described: list[str] = []
        self.reports = True
        """Whether the server knows of problems of workflows. One before 1.29 refuses to be asked."""
        self.polled: dict[str, datetime] = {}
        """When a worker asked these queues for activities last."""
        self.namespace = "default"
        self.workflow_service = SimpleNamespace(describe_task_queue=self._describe_task_queue)

    async def list_workflows(self, query: str) -> AsyncIterator[Any]:
        if self.away:
            raise answer(RPCStatusCode.UNAVAILABLE)
        if query == FAILING and not self.reports:
            raise answer(RPCStatusCode.INVALID_ARGUMENT)
        for id in {RUNNING: self.running, FAILING: self.failing}[query]:
            pairs = [SearchAttributePair(SEARCHED, self.attributes[id])] if id in self.attributes else []
            yield SimpleNamespace(id=id, typed_search_attributes=TypedSearchAttributes(pairs))

    async def _describe_task_queue(self, request: DescribeTaskQueueRequest) -> DescribeTaskQueueResponse:
        assert request.task_queue_type == TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
        found = DescribeTaskQueueResponse()
        if (asked := self.polled.get(request.task_queue.name)) is not None:
            found.pollers.add().last_access_time.FromDatetime(asked)
        return found

    def get_workflow_handle(self, id: str) -> Any:
        async def describe() -> Any:
            self.described.append(id)
            if id not in self.unlisted | self.running:
                raise answer(RPCStatusCode.NOT_FOUND)
            told = self.pending.get(id, DescribeWorkflowExecutionResponse())
            return SimpleNamespace(status=WorkflowExecutionStatus.RUNNING, raw_description=told)

        return SimpleNamespace(describe=describe)


async def stalled(http: httpx.AsyncClient, key: Headers, cycle_id: UUID) -> Any:
    cycle = (await http.get(f"/v1/cycles/{cycle_id}", headers=key)).json()
    assert (cycle["waits_for"]["who"] == ["operator"]) == (cycle["stalled"] is not None)
    return cycle["stalled"] and cycle["stalled"]["reason"]


async def told(db: Database, organization_id: UUID) -> list[str]:
    return [data["reason"] for type, data in await staged(db, organization_id) if type == "cycle.stalled"]


async def add_round(db: Database, cycle_id: UUID, closes_at: datetime) -> UUID:
    async with db.transaction() as session:
        cycle = await session.get_one(CycleRow, cycle_id)
        cycle.stage = "intake"
        round_id = uuid4()
        of = {"organization_id": cycle.organization_id, "cycle_id": cycle_id}
        session.add(Round(**of, id=round_id, kind="enrolment", number=1, state="open", closes_at=closes_at))
    return round_id
