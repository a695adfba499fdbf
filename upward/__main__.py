"""`python -m upward`.

The process ends without shutting the interpreter down. Threads of Temporal's core live longer than their worker and may
still log into Python, and that would abort a process whose interpreter is being shut down.

Garbage is not looked for while modules are imported: they stay, and looking through them takes a quarter of the start.
The command line begins with it when a command has imported what it needs (`upward/failures.py`).
"""

import contextlib
import gc
import logging
import os
import sys

from upward.left_out import leave_out

gc.disable()
leave_out(sys.argv[1:])

from upward.serving.command import run_if_clear  # noqa: E402 (what it imports is the most of it)


def main() -> None:
    """Runs the command. Its exit code becomes that of the process; a bug is told, and is 1."""
    code = 0
    try:
        if not run_if_clear(sys.argv[1:]):
            from upward.cli import app

            app()
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            raise
        code = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    logging.shutdown()
    with contextlib.suppress(OSError):  # nobody reads our output any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
