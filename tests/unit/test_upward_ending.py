"""How a process of Upward ends."""

import subprocess
import sys

RUN = """
import atexit, sys
atexit.register(print, "the interpreter was shut down")
import upward.__main__ as process
def run(arguments):
    print("the command ran")
    {then}
process.run_if_clear = run
process.main()
"""


def ended(then: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN.format(then=then), "worker", "all"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_process_that_was_told_to_stop_ends_without_shutting_the_interpreter_down() -> None:
    """Threads of Temporal's core may still log into Python, which would abort it."""
    told = ended("return True")
    assert (told.returncode, told.stdout, told.stderr) == (0, "the command ran\n", "")


def test_so_does_one_that_a_bug_has_ended_and_it_says_where() -> None:
    bug = ended('raise RuntimeError("a bug")')
    assert (bug.returncode, bug.stdout) == (1, "the command ran\n")
    assert "in run\n" in bug.stderr
    assert bug.stderr.endswith("RuntimeError: a bug\n")
