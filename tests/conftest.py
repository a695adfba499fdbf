"""Fixtures that several folders of tests need. Each folder's own conftest says what that folder needs."""

import atexit
import gc
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.patience import PATIENCE_SECONDS
from tests.restarts import restarted

SHARED = "UPWARD_TESTS_SHARED_FOLDER"
"""The variable of the environment that names a folder of all workers (`tests/clusters.py`)."""
ONE_STACK = (
    "tests/e2e/test_cycle_end_to_end.py",
    "tests/e2e/test_generated_client.py",
    "tests/e2e/test_webhooks.py",
    "tests/e2e/test_recurrence.py",
    "tests/e2e/test_sample.py",
    "tests/e2e/test_accessibility.py",
    "tests/e2e/test_console_quarter.py",
)
"""Files whose tests share a stack, so that one worker runs them all."""
LONGEST = (
    "tests/faults/test_upgrade.py",
    "tests/faults/test_lost_temporal.py",
    "tests/faults/test_restored_postgres.py",
    *ONE_STACK,
    "tests/e2e/test_demo.py",
    "tests/faults/test_kill.py",
    "tests/e2e/test_api_walk.py",
    "tests/workflows/test_cycle.py",
    "tests/faults/test_servers_away.py",
    "tests/e2e/test_canary.py",
    "tests/e2e/",
    "tests/faults/",
    "tests/services/",
)
"""Files and folders that begin first, the longest before the others: what is waited for takes as long at any time, and
must not be what is left at the end."""

# What is collected stays until the end. To look through it again and again for garbage takes a quarter of the time.
gc.disable()

# The Postgres package keeps its sockets here and warns unless the folder is private.
os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="upward-run-")
atexit.register(shutil.rmtree, os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)

# Made by the process that starts the workers, and theirs by the environment; every user may go in.
if SHARED not in os.environ:
    os.environ[SHARED] = tempfile.mkdtemp(prefix="upward-shared-")
    os.chmod(os.environ[SHARED], 0o755)
    atexit.register(shutil.rmtree, os.environ[SHARED], ignore_errors=True)

# A shell starts what runs in its background deaf to Ctrl-C, and what the tests start and interrupt would be deaf too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Which tests were run again because their server failed them, and how often."""
    found = restarted(report for reports in terminalreporter.stats.values() for report in reports)
    if found:
        terminalreporter.section("tests that were started again")
        for test, times in sorted(found.items()):
            terminalreporter.line(f"{times} times: {test}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next((number for number, start in enumerate(LONGEST) if item.nodeid.startswith(start)), len(LONGEST))

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """The first worker compiles the tests, and the others read what it has compiled: five at once would all do the
    same. Python is told by `PYTHONDONTWRITEBYTECODE` to keep nothing, and then nobody waits."""
    worker, collected = os.environ.get("PYTEST_XDIST_WORKER"), Path(os.environ[SHARED]) / "collected"
    if worker not in (None, "gw0") and not sys.dont_write_bytecode:
        given_up_at = time.monotonic() + PATIENCE_SECONDS
        while not collected.exists() and time.monotonic() < given_up_at:
            time.sleep(0.1)
    try:
        return (yield)
    finally:
        collected.touch()


def pytest_collection_finish() -> None:
    """From here on garbage is looked for, but only among what the tests make. What the collection has left is never
    looked through: once takes each worker two seconds."""
    gc.freeze()
    gc.enable()


class OneStack(LoadScopeScheduling):  # type: ignore[misc]
    """A worker runs the whole of a file, as its tests share what they start, or of the files that share a stack."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "one stack" if file in ONE_STACK else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneStack:
    return OneStack(config, log)
