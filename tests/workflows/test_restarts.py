"""A test whose server failed it is run again, tells so at the end, and has failed after three times."""

import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import ROOT

CONFTEST = """
import pytest
from tests.conftest import pytest_terminal_summary
from tests.restarts import run_again_after

class ServerStuck(Exception):
    pass

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    run_again_after(ServerStuck, item, nextitem)
    return True
"""
TESTS = """
import pytest
from conftest import ServerStuck

runs = {}

@pytest.mark.parametrize("stuck", [0, 2, 3, 4])
def test_run(stuck):
    runs[stuck] = runs.get(stuck, 0) + 1
    if runs[stuck] <= stuck:
        raise ServerStuck
"""


def test_a_restart_is_told_and_the_fourth_failure_stands(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_stuck.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "xdist", "-n", "1", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = {line for line in done.stdout.splitlines() if " times: " in line}
    assert told == {f"{times} times: test_stuck.py::test_run[{stuck}]" for stuck, times in ((2, 2), (3, 3), (4, 3))}
    assert "1 failed, 3 passed" in done.stdout
