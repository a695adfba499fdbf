"""How a process of Upward ends."""

import subprocess
import sys

RUN = """
import atexit, sys
atexit.register(print, "the interpreter was shut down")
import upward.__main__ as process
process.run_if_clear = lambda arguments: print("the command ran") is None
process.main()
"""


def test_a_process_that_was_told_to_stop_ends_without_shutting_the_interpreter_down() -> None:
    """Threads of Temporal's core may still log into Python, which would abort it."""
    ended = subprocess.run([sys.executable, "-c", RUN, "worker", "all"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "the command ran\n", "")
