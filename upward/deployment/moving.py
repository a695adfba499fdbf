"""Moves single workflows off the version that their runs stay with."""

from collections.abc import Awaitable

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflow.v1 import PostResetOperation, VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest, UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client
from temporalio.service import RPCError

from shared.temporal import is_missing
from upward.deployment.routing import IDENTITY

OF_CURRENT = WorkflowExecutionOptions(versioning_override=VersioningOverride(auto_upgrade=True))
MASK = FieldMask(paths=["versioning_override"])


async def follow_current(client: Client, workflow_id: str) -> bool:
    """From its next task on the run goes on with the current version, whichever that is by then. Its next run stays
    with a version again. Returns False if the workflow is over. Raises RPCError."""
    return await _unless_over(
        client.workflow_service.update_workflow_execution_options(
            UpdateWorkflowExecutionOptionsRequest(
                namespace=client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=workflow_id),
                workflow_execution_options=OF_CURRENT,
                update_mask=MASK,
                identity=IDENTITY,
            )
        )
    )


async def begin_again(client: Client, workflow_id: str, run_id: str) -> bool:
    """Ends the run and begins it again on the current version, with the argument that it had and the signals that it
    heard. What the run has done is done again, which activities bear. Returns False if it is over. Raises RPCError."""
    return await _unless_over(_begin_again(client, workflow_id, run_id))


async def _begin_again(client: Client, workflow_id: str, run_id: str) -> None:
    change = PostResetOperation.UpdateWorkflowOptions(workflow_execution_options=OF_CURRENT, update_mask=MASK)
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            reason="The version of the worker was rolled back",
            workflow_task_finish_event_id=await _first_task_started(client, workflow_id, run_id),
            request_id=f"rollback-{run_id}",
            post_reset_operations=[PostResetOperation(update_workflow_options=change)],
            identity=IDENTITY,
        )
    )


async def _first_task_started(client: Client, workflow_id: str, run_id: str) -> int:
    """The event at which the first workflow task of the run was started: after a reset to it nothing of the run is left
    but the signals that came before it."""
    async for event in client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history_events(page_size=20):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
            return event.event_id
    raise AssertionError("a run without a task does not fail")


async def _unless_over(asked: Awaitable[object]) -> bool:
    try:
        await asked
    except RPCError as error:
        if is_missing(error):
            return False
        raise
    return True
