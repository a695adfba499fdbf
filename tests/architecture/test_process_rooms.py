"""A process imports the rooms that it runs and no others: each import costs memory and time in every container."""

import json
import subprocess
import sys
from functools import lru_cache

import pytest

from shared.contracts.base import Service
from shared.temporal import WORKFLOWS_QUEUE
from tests.architecture.sources import ROOT
from upward.cli import WORKERS
from upward.composition import RELAY

SCRIPT = """
import asyncio, gc, json, os, sys
import upward.cli
from shared.config import Settings
from shared.contracts.base import Service
from upward.composition import ACTIVITIES, Resources
from upward.process import assemble

before = [one for one in sys.modules if one.split(".")[0] in ("services", "workflows")]
print(json.dumps(["the command line", before]))

async def start(services, queues):
    async with assemble(Settings(), services, queues=queues) as (_, resources):
        for queue in queues:
            if queue in list(ACTIVITIES):
                ACTIVITIES[Service(queue)](resources)

for part, name in json.loads(sys.argv[1]):
    sys.stdout.flush()
    if os.fork() == 0:
        asyncio.run(start(*(([Service(name)], []) if part == "serve" else ([], [name]))))
        found = [one for one in sys.modules if one.startswith(("services.", "workflows."))]
        print(json.dumps([f"{part} {name}", found]))
        sys.stdout.flush()
        os._exit(0)
    if os.wait()[1]:
        raise SystemExit(f"{part} {name} failed")
"""
QUICK = [("serve", "programs"), ("worker", "notifications"), ("worker", RELAY)]
STARTED = [("serve", service.value) for service in Service] + [("worker", queue) for queue in WORKERS]
EACH = [pytest.param(*one, marks=[] if one in QUICK else pytest.mark.long, id=" ".join(one)) for one in STARTED]
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
    found = modules(part, name)[f"{part} {name}"]
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


def is_of_retention(module: str) -> bool:
    parts = module.split(".")[2:]
    return not parts or parts == ["runs"] or bool({"retention", "store", "models", "rules", "resources"} & set(parts))
