"""The ids of workflows. An id is derived from what the workflow is about, so that starting it twice starts it once."""

from uuid import UUID

from shared.contracts.feedback import workflow_of_concern, workflow_of_digest


def cycle_workflow_id(cycle_id: UUID) -> str:
    return f"cycle-{cycle_id}"


def round_workflow_id(round_id: UUID) -> str:
    return f"round-{round_id}"


def announcement_workflow_id(announcement_id: UUID) -> str:
    return f"announcement-{announcement_id}"


def retry_workflow_id(announcement_id: UUID, event_id: UUID) -> str:
    """The event is the one that asked for it: each time that failed messages are sent again is a run of its own."""
    return f"announcement-{announcement_id}-again-{event_id}"


def concern_workflow_id(concern_id: UUID) -> str:
    return workflow_of_concern(concern_id)


def digest_workflow_id(round_id: UUID) -> str:
    """The round is the check-in round that raised the concerns."""
    return workflow_of_digest(round_id)


def endpoint_workflow_id(endpoint_id: UUID) -> str:
    return f"endpoint-{endpoint_id}"


def leaver_workflow_id(event_id: UUID) -> str:
    """`event_id` is that of the event that says so: whoever returns and leaves again is dealt with again."""
    return f"leaver-{event_id}"


def monday_workflow_id(organization_id: UUID) -> str:
    return f"monday-{organization_id}"


def schedule_workflow_id(program_id: UUID, event_id: UUID) -> str:
    """The event is the one that changed the program's schedule: every change is applied by a run of its own. Its
    sequence would not do, as a restored log gives it to another event."""
    return f"schedule-{program_id}-{event_id}"
