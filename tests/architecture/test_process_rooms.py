"""A process imports the rooms that it runs and no others, and of the libraries what it needs: each import costs memory
and time in every container."""

import json
import subprocess
import sys
from functools import lru_cache

import pytest

from shared.contracts.base import Service
from shared.temporal import WORKFLOWS_QUEUE
from tests.architecture.sources import ROOT
from upward import left_out
from upward.composition import RELAY
from upward.serving.command import WORKERS

SCRIPT = """
import asyncio, gc, json, os, sys
from upward.left_out import leave_out
leave_out(["worker"])
import upward.serving.command
from shared.config import Settings
from shared.contracts.base import Service
from upward.composition import ACTIVITIES, Resources
from upward.process import assemble

async def start(services, queues):
    async with assemble(Settings(), services, queues=queues) as (_, resources):
        for queue in queues:
            if queue in list(ACTIVITIES):
                ACTIVITIES[Service(queue)](resources)

for part, name in json.loads(sys.argv[1]):
    sys.stdout.flush()
    if os.fork() == 0:
        asyncio.run(start(*(([Service(name)], []) if part == "serve" else ([], [name]))))
        print(json.dumps([f"{part} {name}", [one for one in sys.modules if sys.modules[one] is not None]]))
        sys.stdout.flush()
        os._exit(0)
    if os.wait()[1]:
        raise SystemExit(f"{part} {name} failed")

import upward.cli
rooms = [one for one in sys.modules if one.split(".")[0] in ("services", "workflows")]
print(json.dumps(["the command line", rooms]))
"""
QUICK = [("serve", "programs"), ("worker", "notifications"), ("worker", RELAY)]
STARTED = [("serve", service.value) for service in Service] + [("worker", queue) for queue in WORKERS]
EACH = [pytest.param(*one, marks=[] if one in QUICK else pytest.mark.long, id=" ".join(one)) for one in STARTED]
FOR_TERMINALS = {"rich", "pygments", "typer"}
FOR_ROUTES = {"fastapi", "uvicorn", "icalendar", "email_validator", "click"}
ROOMS_OF: dict[str, set[str]] = {WORKFLOWS_QUEUE: {"workflows"}, RELAY: {"events", "workflows"}}
"""The rooms of workers that are not called as their room is."""


def modules(part: str, name: str) -> dict[str, list[str]]:
    """The modules of rooms that each process has imported once it is assembled, and this one among them."""
    return start(tuple(QUICK if (part, name) in QUICK else STARTED))


@lru_cache
def start(started: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    """One process imports what all of them need, and each of them is forked from it."""
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(started)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert answer.returncode == 0, answer.stderr
    return dict(json.loads(line) for line in answer.stdout.splitlines())


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "services" else parts[0]


def test_the_command_line_itself_imports_no_room() -> None:
    assert modules(*QUICK[0])["the command line"] == []


@pytest.mark.parametrize(("part", "name"), EACH)
def test_a_process_imports_its_own_rooms_alone_and_a_worker_no_route(part: str, name: str) -> None:
    found = [one for one in modules(part, name)[f"{part} {name}"] if one.startswith(("services.", "workflows."))]
    own = ROOMS_OF.get(name, {name})
    others = [module for module in found if room(module) not in own]
    if name == RELAY:  # it also deletes what is over in all rooms, by their stores
        others = [module for module in others if not is_of_retention(module)]
    if name == Service.EVENTS.value:  # its relay starts workflows by their names
        others = [module for module in others if not module.startswith("workflows.")]
    assert others == []
    assert {room(module) for module in found} >= own
    if part == "worker":
        assert [module for module in found if module.split(".")[2:3] == ["api"]] == []


@pytest.mark.parametrize(("part", "name"), EACH)
def test_a_process_of_production_imports_nothing_for_terminals_and_a_worker_nothing_for_routes(
    part: str, name: str
) -> None:
    unneeded = FOR_TERMINALS | (FOR_ROUTES if part == "worker" else set())
    found = modules(part, name)[f"{part} {name}"]
    assert [module for module in found if module.split(".")[0] in unneeded] == []


@pytest.mark.parametrize("arguments", [[], ["up"], ["match", "serve"]])
def test_other_commands_have_their_terminal(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_out, "MODULES", ("no_such_module",))
    left_out.leave_out(arguments)
    assert "no_such_module" not in sys.modules


def is_of_retention(module: str) -> bool:
    parts = module.split(".")[2:]
    return not parts or parts == ["runs"] or bool({"retention", "store", "models", "rules", "resources"} & set(parts))
