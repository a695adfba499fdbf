"""Moves single workflows off the version that their runs stay with."""

from collections.abc import Awaitable

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import PostResetOperation, VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest, UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client
from temporalio.service import RPCError

from shared.temporal import is_missing
from upward.deployment.routing import IDENTITY

FIRST_TASK_STARTED = 3
"""The event of a history at which its first workflow task was started: after a reset to it nothing of the run is
left."""
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
    change = PostResetOperation.UpdateWorkflowOptions(workflow_execution_options=OF_CURRENT, update_mask=MASK)
    return await _unless_over(
        client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
                reason="The version of the worker was rolled back",
                workflow_task_finish_event_id=FIRST_TASK_STARTED,
                request_id=f"rollback-{run_id}",
                post_reset_operations=[PostResetOperation(update_workflow_options=change)],
                identity=IDENTITY,
            )
        )
    )


async def _unless_over(asked: Awaitable[object]) -> bool:
    try:
        await asked
    except RPCError as error:
        if is_missing(error):
            return False
        raise
    return True
