"""Counts the billable actions of Temporal Cloud from workflow histories.

The rules are those of https://docs.temporal.io/cloud/actions. Which event of a history belongs to which rule is taken
from Temporal's own UI (`get-event-billable-actions.ts` in https://github.com/temporalio/ui).

Workflow started by a client, or by continue-as-new
    1 for each run's `WorkflowExecutionStarted`.
Start Child Workflow and Child Workflow Execution: two
    2 for `StartChildWorkflowExecutionInitiated`. The start in the child's own history is one of these two.
Schedule: two for each start, besides the workflow's
    2 more for a run that a Schedule started.
Activity started or retried
    1 for `ActivityTaskScheduled`, and 1 for each attempt after the first.
Timer started, also the implicit timer of a wait with a timeout
    1 for `TimerStarted`.
Signal sent, by a client or by a workflow
    1 where it arrives. 1 also if a workflow signals one that is over. 0 for the signal of a signal-with-start.
Update, search attributes upserted, workflow execution options updated, Nexus operation scheduled or cancelled
    1 each; 0 for search attributes that only record a version.
Local activities and side effects: one for all of a workflow task
    1 for each workflow task with markers, other than those of versions.
Activity heartbeat that reaches the server, query
    These are not in histories. The core of the SDK, which also limits how often heartbeats are sent, counts the
    requests (`count_requests`), so the count is exact.

Where the documentation leaves a choice, the larger count is taken. The estimate of the UI differs in one point: for a
child it shows 2 in the parent's history and 1 in the child's own, where the documentation says two together.
"""

import re
from collections import Counter
from collections.abc import Iterable

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

FREE_MARKERS = frozenset({"core_patch", "Version"})
VERSION_ATTRIBUTE = "TemporalChangeVersion"
SCHEDULE_ATTRIBUTE = "TemporalScheduledById"
ONE_EACH: dict[int, str] = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activities",
    EventType.EVENT_TYPE_TIMER_STARTED: "timers",
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: "signals to workflows that are over",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "updates",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED: "options updated",
    EventType.EVENT_TYPE_NEXUS_OPERATION_SCHEDULED: "nexus operations",
    EventType.EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUESTED: "nexus operations",
}
REQUESTS = {"RecordActivityTaskHeartbeat": "heartbeats", "QueryWorkflow": "queries"}
"""Operations of the service that are billed and leave no event in a history."""
SAMPLE = re.compile(r'^temporal_request_total\{.*operation="(\w+)".*\} (\d+)$', re.MULTILINE)


def count_actions(history: Iterable[HistoryEvent]) -> Counter[str]:
    """Counts the billable actions in the history of one run, by kind."""
    actions: Counter[str] = Counter()
    tasks_with_markers = set[int]()
    for event in history:
        if (kind := ONE_EACH.get(event.event_type)) is not None:
            actions[kind] += 1
        elif event.event_type == EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
            actions["child workflows"] += 2
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            actions.update(_started(event))
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            actions["activity retries"] += max(event.activity_task_started_event_attributes.attempt - 1, 0)
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            actions["signals"] += event.event_id != 2  # the second event is the signal of a signal-with-start
        elif event.event_type == EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
            upserted = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
            actions["search attributes"] += set(upserted) != {VERSION_ATTRIBUTE}
        elif event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
            marker = event.marker_recorded_event_attributes
            if marker.marker_name not in FREE_MARKERS:
                tasks_with_markers.add(marker.workflow_task_completed_event_id)
    actions["markers"] += len(tasks_with_markers)
    return +actions


def _started(event: HistoryEvent) -> dict[str, int]:
    started = event.workflow_execution_started_event_attributes
    if started.continued_execution_run_id:
        return {"continued as new": 1}
    if started.HasField("parent_workflow_execution"):
        return {}
    scheduled = SCHEDULE_ATTRIBUTE in started.search_attributes.indexed_fields
    return {"workflow starts": 1, "schedule starts": 2 if scheduled else 0}


class NotCounted(Exception):
    """The metrics of the core are not served, so that heartbeats would be taken for none."""


def count_requests(metrics: str) -> Counter[str]:
    """How many billed requests the clients of a process have sent, by kind. `metrics` is the text that it serves for
    Prometheus. Raises NotCounted if no request is counted there, as each worker sends some."""
    counted: Counter[str] = Counter()
    samples = SAMPLE.findall(metrics)
    if not samples:
        raise NotCounted("no requests to Temporal are counted: set UPWARD_METRICS=true")
    for operation, value in samples:
        if operation in REQUESTS:
            counted[REQUESTS[operation]] += int(value)
    return counted
