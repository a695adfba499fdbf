"""A client that `openapi-python-client` makes of `/openapi.json` is all that a program needs to run a whole cycle."""

import asyncio
import importlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import httpx
import pytest

from tests.architecture.test_openapi import OPERATION_IDS
from tests.e2e.company import CALENDAR, Company
from tests.patience import PATIENCE_SECONDS
from upward.stack import Stack

PACKAGE = "upward_client"


class Generated:
    """The package that was generated. Its functions have the names of the operations."""

    def __init__(self, url: str, key: str) -> None:
        client = importlib.import_module(f"{PACKAGE}.client")
        self._models = importlib.import_module(f"{PACKAGE}.models")
        self._client = client.AuthenticatedClient(base_url=url, token=key, raise_on_unexpected_status=True)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.__aexit__(*error)

    async def call(self, tag: str, operation: str, *path: UUID, **arguments: Any) -> Any:
        """The answer as a model, which is a problem document when the request is refused."""
        module = importlib.import_module(f"{PACKAGE}.api.{tag}.{operation}")
        return await module.asyncio(*path, client=self._client, **arguments)

    def model(self, name: str, document: dict[str, Any]) -> Any:
        return getattr(self._models, name).from_dict(document)

    def is_problem(self, answer: object) -> bool:
        return isinstance(answer, self._models.ProblemDocument)


@pytest.fixture
async def package(stack: Stack, tmp_path: Path) -> AsyncIterator[None]:
    """The client as a package that can be imported."""
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        (tmp_path / "openapi.json").write_text((await client.get(f"{stack.url}/openapi.json")).text)
    (tmp_path / "config.json").write_text(json.dumps({"post_hooks": []}))
    options = "generate --path openapi.json --config config.json --meta none --output-path"
    generator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "openapi_python_client", *options.split(), PACKAGE),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await generator.communicate()
    assert generator.returncode == 0, said.decode()
    made = {path.stem for path in (tmp_path / PACKAGE / "api").glob("*/*.py")} - {"__init__"}
    assert made == set(OPERATION_IDS.split()), said.decode()
    sys.path.insert(0, str(tmp_path))
    yield
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.mark.usefixtures("package")
async def test_a_generated_client_runs_a_whole_cycle(acme: Company) -> None:
    async with Generated(acme.url, acme.key) as client:
        await run_a_cycle(client, acme)


async def run_a_cycle(client: Generated, acme: Company) -> None:
    people = (await client.call("people", "list_people", limit=200)).items
    head = next(person for person in people if person.level == 5)
    definition = client.model(
        "ProgramDefinition",
        {
            "name": "Generated",
            "topics": [{"code": "ai", "label": "AI"}],
            "policy": {"same_manager": False},
            "calendar": CALENDAR,
            "sponsor_id": str(head.id),
            "coordinator_ids": [str(head.id)],
        },
    )
    program = await client.call("programs", "create_program", body=definition, idempotency_key=str(uuid4()))
    refused = await client.call("programs", "replace_program", program.id, body=definition, if_match='"7"')
    assert client.is_problem(refused)
    assert (refused.status, refused.code) == (412, "stale_version")
    request = client.model("CycleRequest", {"period": "generated"})
    key = str(uuid4())
    cycle = await client.call("cycles", "request_cycle", program.id, body=request, idempotency_key=key)
    again = await client.call("cycles", "request_cycle", program.id, body=request, idempotency_key=key)
    assert (again.id, again.period) == (cycle.id, "generated")

    async def completed() -> Any:
        found = await client.call("cycles", "read_cycle", cycle.id)
        for run in (await client.call("matching", "list_match_runs", cycle.id)).items:
            if run.state == "proposed" and run.pairs_count:
                await client.call("matching", "approve_match_run", run.id, body=None)
        await acme.answer_new()
        return found if found.stage == "completed" else None

    assert (await acme.until(completed)).outcome == "completed"
    pairs = (await client.call("matching", "list_pairs", cycle.id)).items
    assert [pair.state for pair in pairs] == ["completed"] * 3
    report = await client.call("feedback", "get_report", cycle.id)
    assert report.outcome == "completed"
    events = await client.call("events", "read_events", after=0, limit=1000)
    assert events.events[-1].type_.startswith("app.upward.cycle.completed")
