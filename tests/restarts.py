"""A test is run again when its server failed it: at most three times, and the end of the run tells how often."""

from collections.abc import Iterable
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

MOST_RESTARTS = 3
RESTARTS = "restarts"
"""The name under which a test's reports say how often it was run again."""


def run_again_after(failure: type[Exception], item: Any, nextitem: pytest.Item | None) -> None:
    """Runs the test, and anew with new fixtures while it ends by this failure. After the last restart the failure
    stands."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for restarts in range(MOST_RESTARTS + 1):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        failed = any(report.failed and failure.__name__ in str(report.longrepr) for report in reports)
        if not failed or restarts == MOST_RESTARTS:
            break
        item._initrequest()
    for report in reports:
        if restarts:
            report.user_properties.append((RESTARTS, restarts))
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def restarted(reports: Iterable[Any]) -> dict[str, int]:
    """How often each test was run again, for those that were."""
    found = {}
    for report in reports:
        for name, value in getattr(report, "user_properties", ()):
            if name == RESTARTS:
                found[report.nodeid] = int(value)
    return found
