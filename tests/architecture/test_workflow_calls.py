"""How workflows call activities and other workflows, and what they may not use."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio import workflow

from shared.contracts.base import Service
from tests.architecture.sources import place, python_files
from upward.composition import ACTIVITIES as ACTIVITIES_OF
from workflows.options import OPTIONS
from workflows.registry import WORKFLOWS

FILES = python_files("workflows")


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[len(parts) - parts[::-1].index("workflows") - 1 :])


ACTIVITY_CALLS = {"execute_activity_method", "start_activity_method"}
CHILD_CALLS = {"execute_child_workflow", "start_child_workflow"}
UNTYPED = {
    # These calls name an activity as text or run it in the same process; no type checker can follow them.
    *("execute_activity", "start_activity", "execute_activity_class", "start_activity_class"),
    *("execute_local_activity", "start_local_activity", "execute_local_activity_method"),
    *("start_local_activity_method", "execute_local_activity_class", "start_local_activity_class"),
}
UNREPEATABLE = {
    # These return something else in each run, so a replay would take another way.
    *("datetime.now", "datetime.today", "datetime.utcnow", "date.today", "time.time", "time.monotonic"),
    *("uuid4", "uuid1", "uuid.uuid4", "uuid.uuid1", "random.random", "random.choice", "secrets.token_hex"),
    *("asyncio.sleep", "asyncio.wait", "asyncio.as_completed", "asyncio.wait_for", "open", "print", "set"),
}
ROUND_OPTIONS = "OPTIONS[self._declaration.owner]"
"""The owner of a kind of round does its activities."""


def calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield path, node


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def where(path: Path, node: ast.AST) -> str:
    return f"{place(path)}:{getattr(node, 'lineno', 0)}"


ACTIVITIES = [(path, node) for path, node in calls() if called(node).removeprefix("workflow.") in ACTIVITY_CALLS]
CHILDREN = [(path, node) for path, node in calls() if called(node).removeprefix("workflow.") in CHILD_CALLS]


def test_there_are_calls_to_look_at() -> None:
    assert len(ACTIVITIES) >= 12
    assert len(CHILDREN) >= 3


@pytest.mark.parametrize(("path", "node"), ACTIVITIES, ids=lambda value: getattr(value, "lineno", None))
def test_an_activity_is_called_with_one_request_and_its_service_s_options_alone(path: Path, node: ast.Call) -> None:
    method, *requests = [ast.unparse(argument) for argument in node.args]
    contract = method.partition(".")[0]
    assert len(requests) == 1, where(path, node)
    assert [keyword.arg for keyword in node.keywords] == [None], where(path, node)
    options = ast.unparse(node.keywords[0].value)
    if contract == "RoundActivities":
        assert options == ROUND_OPTIONS, where(path, node)
        return
    service = Service(contract.removesuffix("Activities").removesuffix("Recovery").lower())
    module = importlib.import_module(module_name(path))
    assert getattr(module, options)["task_queue"] == service.value, where(path, node)


def test_every_service_with_activities_has_its_options_and_no_other() -> None:
    assert set(OPTIONS) == set(ACTIVITIES_OF)
    assert {service: options["task_queue"] for service, options in OPTIONS.items()} == {
        service: service.value for service in OPTIONS
    }


def test_activities_and_children_are_called_by_their_typed_methods() -> None:
    untyped = [where(path, node) for path, node in calls() if called(node).removeprefix("workflow.") in UNTYPED]
    by_name = [where(path, node) for path, node in ACTIVITIES + CHILDREN if isinstance(node.args[0], ast.Constant)]
    assert untyped + by_name == []


def test_options_are_made_in_one_place() -> None:
    made = {"task_queue", "retry_policy", "start_to_close_timeout", "heartbeat_timeout", "schedule_to_close_timeout"}
    found = [
        where(path, node)
        for path, node in calls()
        if path.name != "options.py" and made & {keyword.arg for keyword in node.keywords}
    ]
    assert found == []


def test_every_child_has_an_id_of_ours() -> None:
    assert [where(path, node) for path, node in CHILDREN if "id" not in {one.arg for one in node.keywords}] == []


def test_workflows_do_nothing_that_a_replay_could_not_repeat() -> None:
    assert [where(path, node) for path, node in calls() if called(node) in UNREPEATABLE] == []
    sets = [
        where(path, node)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Set | ast.SetComp)
    ]
    assert sets == [], "a set's order differs from run to run"


def test_the_registry_holds_every_workflow() -> None:
    defined = {
        found
        for path in FILES
        for found in vars(importlib.import_module(module_name(path))).values()
        if isinstance(found, type) and workflow._Definition.from_class(found) is not None
    }
    assert defined == set(WORKFLOWS)
