"""What the processes of production leave out, because they never show anything on a terminal.

structlog, httpx and typer import `rich` with all that belongs to it if it is there, as a command needs it, and it takes
6 MB. A module that is None in `sys.modules` counts as not installed
(https://docs.python.org/3/reference/import.html#the-module-cache), and then they do without.
"""

import os
import sys
from collections.abc import Sequence

PRODUCTION = ("serve", "worker")
"""The commands that leave it out."""
MODULES = ("rich", "httpx._main")
"""The second is the command line of httpx, which would import the parts of `rich` by itself."""


def leave_out(arguments: Sequence[str]) -> None:
    """Is called with the arguments of the command line, before anything else is imported."""
    if arguments[:1] and arguments[0] in PRODUCTION:
        os.environ["TYPER_USE_RICH"] = "0"
        for name in MODULES:
            sys.modules.setdefault(name, None)  # type: ignore[arg-type]
