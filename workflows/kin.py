"""Talking to the other workflows of a cycle: starting announcements, signalling those that may be over."""

from collections.abc import Iterable
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from shared.contracts.notifications import Announcement

from workflows.announcement import AnnouncementWorkflow


async def announce(announcement: Announcement) -> str:
    """Starts the announcement, once, and does not wait for it; answers its workflow id."""
    workflow_id = announcement_id(announcement.id)
    try:
        await workflow.start_child_workflow(
            AnnouncementWorkflow.run, announcement, id=workflow_id, parent_close_policy=ParentClosePolicy.ABANDON
        )
    except WorkflowAlreadyStartedError:
        workflow.logger.info("announcement.repeated")
    return workflow_id


async def tell(workflow_ids: Iterable[str], signal: str, argument: object = None) -> list[str]:
    """Signals each workflow; answers the ids of those that are still there to hear it."""
    heard = []
    for workflow_id in workflow_ids:
        handle = workflow.get_external_workflow_handle(workflow_id)
        try:
            await (handle.signal(signal, argument) if argument is not None else handle.signal(signal))
        except ApplicationError:
            continue  # it is over
        heard.append(workflow_id)
    return heard


def announcement_id(announcement: UUID) -> str:
    return f"announcement-{announcement}"


def round_workflow_id(round_id: UUID) -> str:
    return f"round-{round_id}"


def concern_workflow_id(concern_id: UUID) -> str:
    return f"concern-{concern_id}"


def cycle_workflow_id(cycle_id: UUID) -> str:
    return f"cycle-{cycle_id}"
