"""The bench counts what Temporal Cloud bills, rule by rule."""

from typing import Any

import pytest
from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from bench.actions import NotCounted, count_actions, count_requests


def event(kind: str, id: int = 5, **attributes: Any) -> HistoryEvent:
    """An event by the name of its attributes, such as `timer_started`."""
    name = f"{kind}_event_attributes"
    found = HistoryEvent(event_id=id, event_type=EventType.Value(f"EVENT_TYPE_{kind.upper()}"))
    getattr(found, name).SetInParent()
    for key, value in attributes.items():
        if isinstance(value, str | int):
            setattr(getattr(found, name), key, value)
        else:
            getattr(getattr(found, name), key).CopyFrom(value)
    return found


def with_search_attributes(kind: str, *names: str) -> HistoryEvent:
    found = event(kind)
    fields = getattr(found, f"{kind}_event_attributes").search_attributes.indexed_fields
    for name in names:
        fields[name].CopyFrom(Payload(data=b"1"))
    return found


@pytest.mark.parametrize(
    "kind",
    [
        "activity_task_scheduled",
        "timer_started",
        "workflow_execution_signaled",
        "signal_external_workflow_execution_failed",
        "workflow_execution_update_accepted",
        "workflow_execution_options_updated",
        "nexus_operation_scheduled",
        "nexus_operation_cancel_requested",
        "workflow_execution_started",
    ],
)
def test_is_billed_once(kind: str) -> None:
    assert count_actions([event(kind)]).total() == 1


@pytest.mark.parametrize(
    "kind",
    [
        "workflow_task_scheduled",
        "workflow_task_started",
        "workflow_task_completed",
        "activity_task_completed",
        "timer_fired",
        "timer_canceled",
        "child_workflow_execution_started",
        "child_workflow_execution_completed",
        "signal_external_workflow_execution_initiated",
        "external_workflow_execution_signaled",
        "workflow_execution_completed",
        "workflow_execution_continued_as_new",
    ],
)
def test_is_free(kind: str) -> None:
    assert count_actions([event(kind)]).total() == 0


def test_a_child_is_two_actions_in_its_parent_and_none_in_its_own_history() -> None:
    parent = WorkflowExecution(workflow_id="cycle", run_id="run")

    assert count_actions([event("start_child_workflow_execution_initiated")]).total() == 2
    assert count_actions([event("workflow_execution_started", 1, parent_workflow_execution=parent)]).total() == 0


def test_each_run_after_continue_as_new_is_one_action_also_of_a_child() -> None:
    parent = WorkflowExecution(workflow_id="cycle", run_id="run")
    started = event(
        "workflow_execution_started", 1, parent_workflow_execution=parent, continued_execution_run_id="the run before"
    )

    assert count_actions([started]) == {"continued as new": 1}


def test_a_start_by_a_schedule_is_three_actions() -> None:
    started = with_search_attributes("workflow_execution_started", "TemporalScheduledById")

    assert count_actions([started]).total() == 3


@pytest.mark.parametrize(("attempt", "retries"), [(1, 0), (2, 1), (5, 4)])
def test_each_attempt_of_an_activity_is_one_action(attempt: int, retries: int) -> None:
    history = [event("activity_task_scheduled"), event("activity_task_started", attempt=attempt)]

    assert count_actions(history).total() == 1 + retries


def test_a_signal_with_start_is_no_action_besides_the_start() -> None:
    history = [event("workflow_execution_started", 1), event("workflow_execution_signaled", 2)]

    assert count_actions(history) == {"workflow starts": 1}


def test_search_attributes_upserted_together_are_one_action_and_a_version_alone_is_none() -> None:
    kind = "upsert_workflow_search_attributes"

    assert count_actions([with_search_attributes(kind, "Stage", "Period")]).total() == 1
    assert count_actions([with_search_attributes(kind, "TemporalChangeVersion")]).total() == 0


def test_all_markers_of_a_workflow_task_are_one_action_and_those_of_versions_none() -> None:
    history = [
        event("marker_recorded", marker_name="core_local_activity", workflow_task_completed_event_id=4),
        event("marker_recorded", marker_name="core_local_activity", workflow_task_completed_event_id=4),
        event("marker_recorded", marker_name="core_local_activity", workflow_task_completed_event_id=9),
        event("marker_recorded", marker_name="core_patch", workflow_task_completed_event_id=12),
    ]

    assert count_actions(history) == {"markers": 2}


def test_heartbeats_and_queries_are_counted_as_requests_and_other_requests_are_not() -> None:
    metrics = """# TYPE temporal_request_total counter
temporal_request_total{namespace="default",operation="RecordActivityTaskHeartbeat",service_name="temporal-core-sdk"} 7
temporal_request_total{namespace="default",operation="RecordActivityTaskHeartbeat",task_queue="matching"} 2
temporal_request_total{namespace="default",operation="QueryWorkflow"} 1
temporal_request_total{namespace="default",operation="RespondActivityTaskCompleted"} 40
temporal_request_failure_total{namespace="default",operation="RecordActivityTaskHeartbeat"} 3
temporal_request_latency_seconds_count{namespace="default",operation="RecordActivityTaskHeartbeat"} 9
"""

    assert count_requests(metrics) == {"heartbeats": 9, "queries": 1}


def test_where_no_requests_are_counted_none_are_not_the_result() -> None:
    """The bench counted no heartbeats once, after the core's metrics had moved elsewhere."""
    with pytest.raises(NotCounted):
        count_requests("# TYPE upward_messages_total counter\n")
