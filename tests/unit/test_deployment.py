"""Versions of the workers of the workflows: what a version is made from, and which one was the current one before."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError
from temporalio.api.enums.v1 import VersioningBehavior
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion

from shared.config import Settings
from shared.temporal import WORKFLOWS_QUEUE
from tests.architecture.sources import imported_names, python_files
from upward import composition
from upward.deployment import build, rollout
from upward.deployment.build import CODE, build_id_of_code, version_of
from upward.deployment.health import ASKED
from upward.deployment.routing import Routing, State, Version

DAY = datetime(2026, 11, 1, tzinfo=UTC).replace(tzinfo=None)
"""Temporal's moments are read without a time zone."""


def test_without_a_name_workers_have_no_version() -> None:
    assert version_of(Settings()) is None


def test_a_version_is_the_name_of_the_deployment_with_the_build_id_that_is_set_or_made_from_the_code() -> None:
    named = version_of(Settings(deployment="upward", build_id="0.1.0-rc.1"))
    assert named is not None
    assert (named.deployment_name, named.build_id) == ("upward", "0.1.0-rc.1")
    made = version_of(Settings(deployment="upward"))
    assert made is not None
    assert made.build_id == build_id_of_code()


def test_the_worker_of_the_workflows_alone_gets_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(composition, "create_worker", lambda _, queue, **options: given.update({queue: options}))
    monkeypatch.setattr(composition, "ACTIVITIES", dict.fromkeys(composition.ACTIVITIES, lambda _: object()))
    for settings in (Settings(), Settings(deployment="upward", build_id="a")):
        resources: Any = SimpleNamespace(settings=settings, database=None)
        for queue in composition.QUEUES:
            composition.queue_worker(queue, cast(Client, None), resources)
        found = {queue: options["version"] for queue, options in given.items() if options.get("version")}
        assert found == ({WORKFLOWS_QUEUE: WorkerDeploymentVersion("upward", "a")} if settings.deployment else {})


@pytest.mark.parametrize("wrong", [{"deployment": "a.b"}, {"deployment": "a:b"}, {"build_id": "a:b"}])
def test_names_that_temporal_would_refuse_are_refused_before(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)


def test_the_build_id_changes_with_the_code_of_the_workflows_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "releases_of_a_test"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "cycle.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(build, "CODE", (package.name,))

    def made() -> str:
        build_id_of_code.cache_clear()
        return build_id_of_code()

    first = made()
    assert made() == first
    (package / "read.me").write_text("no code")
    assert made() == first
    (package / "cycle.py").write_text("A = 2\n")
    assert made() != first
    build_id_of_code.cache_clear()


def test_everything_that_workflows_import_of_ours_is_in_the_build_id() -> None:
    ours = ("shared.", "workflows.", "services.", "upward.")
    imported = {name for path in python_files("workflows") for name in imported_names(path) if name.startswith(ours)}
    assert len(imported) > 10
    assert [name for name in imported if not name.startswith(("shared.contracts.", "workflows."))] == []
    assert {"shared.contracts", "workflows"} <= set(CODE)


def version(build_id: str, first_active: int | None, current: int | None = None) -> Version:
    active = None if first_active is None else DAY + timedelta(days=first_active)
    return Version(build_id, State.DRAINING, active, None if current is None else DAY + timedelta(days=current))


@pytest.mark.parametrize(
    ("versions", "current", "earlier"),
    [
        ([version("a", 0, 0)], "a", None),
        ([version("b", 1, 1), version("a", 0, 0)], "b", "a"),
        ([version("c", 2, 2), version("b", 1), version("a", 0, 0)], "c", "a"),  # b was tried on a share
        ([version("c", None), version("b", 1, 1), version("a", 0, 0)], "b", "a"),  # c was never promoted
        ([version("c", 2, 2), version("b", 1, 3), version("a", 0, 0)], "b", "a"),  # c was rolled back
        ([version("a", 0, 0)], "", None),
    ],
)
def test_the_version_before_is_the_one_that_was_current_last_and_not_one_that_was_left(
    versions: list[Version], current: str, earlier: str | None
) -> None:
    assert Routing(tuple(versions), current).earlier() == earlier


class Failures:
    """A Temporal in which so many runs stay with a version and fail."""

    namespace = "default"

    def __init__(self, build_id: str, count: int) -> None:
        self._build_id = build_id
        self.ids = [f"cycle-{number}" for number in range(count)]

    async def list_workflows(self, query: str, limit: int | None = None) -> AsyncIterator[Any]:
        for workflow_id in self.ids[:limit] if "IS NULL" not in query else ():
            yield SimpleNamespace(id=workflow_id)

    def get_workflow_handle(self, workflow_id: str) -> Any:
        told = DescribeWorkflowExecutionResponse()
        told.pending_workflow_task.attempt = 9
        versioning = told.workflow_execution_info.versioning_info
        versioning.behavior = VersioningBehavior.VERSIONING_BEHAVIOR_PINNED
        versioning.deployment_version.build_id = self._build_id

        async def describe() -> Any:
            return SimpleNamespace(id=workflow_id, run_id="run", workflow_type="CycleWorkflow", raw_description=told)

        return SimpleNamespace(describe=describe)


async def test_everything_that_fails_on_a_version_begins_again_when_it_is_rolled_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also if it is more than a look at a version asks about."""
    temporal, again = Failures("b", 2 * ASKED + 1), list[str]()

    async def read_routing(*_: object) -> Routing:
        return Routing(current="b")

    async def make_current(*_: object) -> None: ...

    async def begin_again(_: object, workflow_id: str, run_id: str) -> bool:
        again.append(workflow_id)
        return True

    for stub in (read_routing, make_current, begin_again):
        monkeypatch.setattr(rollout, stub.__name__, stub)
    place = rollout.Place(cast(Client, temporal), "upward", "a")
    await rollout.rollback(place, to="a", say=lambda line: None)
    assert again == temporal.ids
