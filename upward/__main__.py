"""`python -m upward`.

The process ends without tearing the interpreter down: threads of Temporal's core outlive their worker and may still
log into Python, which aborts a process that is half torn down.
"""

import contextlib
import logging
import os
import sys

from upward.cli import app


def main() -> None:
    """Runs the command; its exit code is the process's."""
    try:
        app()
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            raise
        logging.shutdown()
        with contextlib.suppress(OSError):  # nobody reads any more
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(end.code or 0)


main()
