"""Fixtures that several folders of tests need. Each folder's own conftest says what that folder needs."""

import atexit
import os
import shutil
import signal
import tempfile
from typing import Any

from tests.restarts import restarted

# The Postgres package keeps its sockets here and warns unless the folder is private.
os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="upward-run-")
atexit.register(shutil.rmtree, os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)

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
