"""`python -m tests.e2e.forking`: Upward's commands, each a process of its own that is forked from this one.

This process has imported everything, which costs more than all else that a command does at its start. Each line of
standard input orders a command by its arguments, environment and log, and is answered by the id of its process; or it
orders to wait for a process, and is answered by its exit code.
"""

import gc
import json
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence

import upward.process
import upward.serving.routes
import upward.serving.server  # noqa: F401
from shared.contracts.base import Service
from upward.composition import load
from upward.serving.command import WORKERS


def live(arguments: Sequence[str], environment: Mapping[str, str], log: str) -> None:
    """What `python -m upward` does with these arguments, in a process group of its own."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = ["upward", *arguments]
    runpy.run_module("upward", run_name="__main__")


def main() -> None:
    load(Service, WORKERS)
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        child = os.fork()
        if child == 0:
            live(order["arguments"], order["environment"], order["log"])
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
