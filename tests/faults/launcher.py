"""`python -m tests.faults.launcher FOLDER PORT POINT…`: `upward up`, armed with kill points.

It differs from `upward up` in one more thing, so that a test need not wait for minutes: Temporal gives up what a killed
worker had in hand after some seconds. What happens then is the same.
"""

import asyncio
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import temporalio.worker
from temporalio.worker.workflow_sandbox import SandboxRestrictions

import shared.temporal
from shared.logging import configure_logging
from tests.faults.kill_points import install
from upward.stack import run_until_stopped
from workflows import options

PATIENCE = timedelta(seconds=15)
"""Enough for an attempt on a machine that is busy with other things: one that is always too slow never ends."""


def lose_patience() -> None:
    """Attempts of activities and workflow tasks that a killed worker held are soon given to another."""
    for one in (options.PROGRAMS, options.INTAKE, options.FEEDBACK):
        one["start_to_close_timeout"] = PATIENCE
    for one in (options.MATCHING, options.NOTIFICATIONS):  # a delivery is missed sooner by itself
        one["heartbeat_timeout"] = PATIENCE
    # Workflows must see the options of this process, not a fresh copy of the module.
    SandboxRestrictions.default = SandboxRestrictions.default.with_passthrough_modules("workflows.options")
    worker = partial(temporalio.worker.Worker, sticky_queue_schedule_to_start_timeout=timedelta(seconds=2))
    setattr(shared.temporal, "Worker", worker)  # noqa: B010 (mypy refuses the plain assignment)


def main() -> None:
    folder, port, *points = sys.argv[1:]
    lose_patience()
    install(Path(folder).resolve(), points)
    configure_logging("WARNING", "console")
    asyncio.run(run_until_stopped(Path(folder), int(port)))


if __name__ == "__main__":
    main()
