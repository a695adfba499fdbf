"""What runs on each version, and which workflows fail.

A workflow whose code fails does not end: its task is tried again and again. Temporal lists such workflows, but only
after five failures, which take a minute and more. So those that began last are asked one by one as well, and two
failures are enough.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from temporalio.api.enums.v1 import VersioningBehavior
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError

from shared.temporal import WORKFLOWS_QUEUE, is_missing
from upward.deployment.routing import UNVERSIONED

RUNNING = f"ExecutionStatus = 'Running' AND TaskQueue = '{WORKFLOWS_QUEUE}'"
REPORTED = f"{RUNNING} AND TemporalReportedProblems IN ('category=WorkflowTaskFailed', 'category=WorkflowTaskTimedOut')"
ASKED = 200
"""So many workflows that began last are asked, of each version that they may have begun on."""
AT_ONCE = 20
FAILED_TWICE = 3
"""The attempt at a task that comes after two failures. One may be that of a worker which was stopped."""


class Failing(NamedTuple):
    """A workflow whose tasks fail."""

    workflow_id: str
    run_id: str
    kind: str
    build_id: str
    """The version that its run stays with; UNVERSIONED if it goes with the current one, as no task of it has succeeded
    yet, or it was moved."""
    failures: int

    def __str__(self) -> str:
        where = self.build_id or "with the current version"
        return f"failing   {self.workflow_id}  {self.kind}  {where}  {self.failures} failures"


async def count_running(client: Client, deployment: str, build_id: str) -> Counter[str]:
    """How many runs stay with the version, by the type of their workflow. The list is a second or two late. Raises
    RPCError."""
    return Counter([found.workflow_type async for found in client.list_workflows(_stays_with(deployment, build_id))])


async def running_on(client: Client, deployment: str, build_id: str) -> list[str]:
    """The ids of the workflows whose runs stay with the version. Raises RPCError."""
    return [found.id async for found in client.list_workflows(_stays_with(deployment, build_id))]


async def find_failing(
    client: Client, deployment: str, build_ids: Iterable[str], most: int | None = ASKED
) -> list[Failing]:
    """The workflows whose tasks fail: those that Temporal reports, and of those that began last on these versions, or
    on none yet, those whose task has failed twice. At most `most` of each are asked; None for all. Raises RPCError."""
    asked: dict[str, None] = {}
    queries = [f"{RUNNING} AND TemporalWorkerDeploymentVersion IS NULL", *(_on(deployment, one) for one in build_ids)]
    for query in queries:
        asked |= {found.id: None async for found in client.list_workflows(query, limit=most)}
    try:
        asked |= {found.id: None async for found in client.list_workflows(REPORTED, limit=most)}
    except RPCError as error:  # a server that reports no problems refuses to be asked
        if not is_refused(error):
            raise
    found: list[Failing] = []
    ids = list(asked)
    for start in range(0, len(ids), AT_ONCE):
        batch = ids[start : start + AT_ONCE]
        described = await asyncio.gather(*(_describe(client, workflow_id) for workflow_id in batch))
        found += [failing for one in described if one is not None and (failing := _failing(one)) is not None]
    return found


def is_refused(error: RPCError) -> bool:
    """Whether the server does not understand the question."""
    return error.status.name == "INVALID_ARGUMENT"


async def _describe(client: Client, workflow_id: str) -> WorkflowExecutionDescription | None:
    try:
        return await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if is_missing(error):
            return None
        raise


def _failing(found: WorkflowExecutionDescription) -> Failing | None:
    described = found.raw_description
    attempt = described.pending_workflow_task.attempt
    if attempt < FAILED_TWICE:
        return None
    info = described.workflow_execution_info.versioning_info
    stays = info.behavior == VersioningBehavior.VERSIONING_BEHAVIOR_PINNED and not info.versioning_override.auto_upgrade
    build_id = info.deployment_version.build_id if stays else UNVERSIONED
    return Failing(found.id, found.run_id, found.workflow_type, build_id, attempt - 1)


def _stays_with(deployment: str, build_id: str) -> str:
    """Without those that were moved, and will go on with the current version."""
    return f"{_on(deployment, build_id)} AND TemporalWorkflowVersioningBehavior = 'Pinned'"


def _on(deployment: str, build_id: str) -> str:
    """Whose last task was worked on by this version."""
    return f"{RUNNING} AND TemporalWorkerDeploymentVersion = '{deployment}:{build_id}'"
