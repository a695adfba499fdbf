"""What runs in Temporal, and starting and ending it so that it agrees with the rows."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel
from temporalio.client import Client, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from services.events.log.searchable import Searchable
from services.events.recovery.rules.wanted import Wanted
from shared.contracts.programs import CycleRef
from shared.temporal import WORKFLOWS_QUEUE, is_missing
from workflows.ids import cycle_workflow_id
from workflows.searching import attributes_of, summary_of
from workflows.states.cycle_state import CycleState
from workflows.states.round_state import RoundStatus

Answer = TypeVar("Answer", bound=BaseModel)
ANSWER_WITHIN = timedelta(seconds=10)
AT_ONCE = 20
TRIES, PAUSE_SECONDS = 8, 2.0
ENDED_BY = "upward cycles rebuild"


async def read_running(client: Client) -> set[str]:
    """The ids of all workflows that run. Temporal's list is a second or two late. Raises RPCError."""
    return {found.id async for found in client.list_workflows('ExecutionStatus = "Running"')}


async def read_schedules(client: Client) -> set[str]:
    """The ids of all Schedules. Raises RPCError."""
    return {found.id async for found in await client.list_schedules()}


async def ask_cycles(client: Client, cycles: Sequence[CycleRef]) -> dict[UUID, CycleState | None]:
    """How far the workflow of each cycle is, as it says itself; None if it does not answer. Cycles without a workflow
    that runs are left out. Raises RPCError."""
    told: dict[UUID, CycleState | None] = {}
    for start in range(0, len(cycles), AT_ONCE):
        batch = cycles[start : start + AT_ONCE]
        answers = await asyncio.gather(
            *(_query(client, cycle_workflow_id(cycle.cycle_id), "everything", CycleState) for cycle in batch)
        )
        told |= {cycle.cycle_id: answer for cycle, answer in zip(batch, answers, strict=True)}
    return told


async def read_unopened(client: Client, workflow_ids: Sequence[str]) -> set[str]:
    """Those among these workflows that are rounds and have not written their row yet. One that does not answer may
    have."""
    rounds = [one for one in workflow_ids if one.startswith("round-")]
    found: set[str] = set()
    for start in range(0, len(rounds), AT_ONCE):
        batch = rounds[start : start + AT_ONCE]
        answers = await asyncio.gather(*(_query(client, one, "status", RoundStatus) for one in batch))
        found |= {one for one, answer in zip(batch, answers, strict=True) if answer is not None and not answer.open}
    return found


async def read_known(client: Client, workflow_ids: Sequence[str]) -> set[str]:
    """Those among these workflows that Temporal knows, also if they have ended. Raises RPCError."""
    found: set[str] = set()
    for workflow_id in workflow_ids:
        try:
            await client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if not is_missing(error):
                raise
        else:
            found.add(workflow_id)
    return found


async def become_searchable(client: Client) -> bool:
    """Whether workflows may have the attributes by which they are found. A namespace that was made anew is told of
    them, and knows them some seconds later."""
    for _ in range(TRIES):
        if await Searchable(client).is_known():
            return True
        await asyncio.sleep(PAUSE_SECONDS)
    return False


async def start(client: Client, one: Wanted, *, searchable: bool) -> bool:
    """Starts the workflow. Returns False if it runs already. Raises RPCError."""
    try:
        await client.start_workflow(
            one.workflow,
            one.argument,
            id=one.id,
            task_queue=WORKFLOWS_QUEUE,
            start_signal=one.signal,
            search_attributes=attributes_of(one.organization_id, one.argument) if searchable else None,
            static_summary=summary_of(one.argument),
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL
            if one.signal is None
            else WorkflowIDConflictPolicy.USE_EXISTING,
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


async def end(client: Client, workflow_id: str) -> bool:
    """Ends a workflow, and with a cycle its rounds. Returns False if it does not run. Raises RPCError."""
    try:
        await client.get_workflow_handle(workflow_id).terminate(reason=ENDED_BY)
    except RPCError as error:
        if not is_missing(error):
            raise
        return False
    return True


async def _query(client: Client, workflow_id: str, name: str, answer: type[Answer]) -> Answer | None:
    """What the workflow answers; None if it does not."""
    handle = client.get_workflow_handle(workflow_id)
    try:
        told: Answer = await handle.query(name, result_type=answer, rpc_timeout=ANSWER_WITHIN)
    except (RPCError, WorkflowQueryFailedError, WorkflowQueryRejectedError):
        return None
    return told
