"""`upward demo`, as its reader starts it: on the sample company, and on a company's own export."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.architecture.documents import BLOCK, section
from tests.patience import PATIENCE_SECONDS
from upward.cli import app
from upward.demo.mailbox import read_letter
from upward.demo.story import GIVES_UP_SECONDS

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "upward" / "sample"
SHOWN = "## What you see then"
BAD_ROWS = (
    '"Unusual, Ursula",20001,Analyst,TX,31/31/2020,,Active,Sales,Freya Park\n'
    '"Orphan, Otto",20002,Analyst,TX,1/5/2021,,Active,Sales,Nobody Known\n'
)


class Demo:
    """One run in a folder of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self._output = folder.parent / f"{folder.name}.txt"
        command = [sys.executable, "-m", "upward", "demo", "--folder", str(folder), *arguments]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | {"COLUMNS": "160"},
            )

    def end(self) -> int:
        """Waits for the end; answers the exit code."""
        try:
            return self._process.wait(GIVES_UP_SECONDS + 60)
        except subprocess.TimeoutExpired:
            self.interrupt()
            raise

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE_SECONDS)

    @property
    def output(self) -> str:
        return self._output.read_text()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Short, as it becomes part of a socket's path, and open to the user that Postgres runs as."""
    with tempfile.TemporaryDirectory(prefix="upward-demo-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def export_with_bad_rows(folder: Path) -> Path:
    """The upper half of the sample company. All of it takes as long, and makes a machine work twice as much."""
    path = folder / "export.csv"
    rows = (SAMPLE / "hris-export.csv").read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(rows[:23]) + BAD_ROWS, "utf-8")
    return path


def bad_lines(path: Path) -> list[int]:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return [number for number, line in enumerate(lines, start=1) if "20001" in line or "20002" in line]


def lines_of_the_readme() -> list[str]:
    """The lines that the README shows of the demo, without those of its table, which it shortens."""
    return [line for line in BLOCK.findall(section("README.md", SHOWN))[0].splitlines() if "│" not in line]


def shape(line: str) -> str:
    """A line without what differs from run to run: numbers, and why a round closed."""
    return re.sub(r"\((?:advanced|answered|deadline)\)", "(…)", re.sub(r"\d+", "#", " ".join(line.split())))


@pytest.mark.long
def test_an_export_with_rows_that_cannot_be_used_is_refused_with_line_column_and_reason(
    folder: Path, export_with_bad_rows: Path
) -> None:
    demo = Demo(folder / "bad", "--people", str(export_with_bad_rows), "--columns", str(SAMPLE / "columns.toml"))
    assert demo.end() == 1
    first, second = bad_lines(export_with_bad_rows)
    assert re.search(rf"line {first}, DateofHire: \S+", demo.output), demo.output
    assert re.search(rf"line {second}, ManagerName: \S+", demo.output), demo.output
    assert "--skip-invalid" in demo.output
    assert "Ursula" not in demo.output


@pytest.mark.parametrize("name", ["people", "columns"])
def test_a_file_that_does_not_exist_is_named(folder: Path, name: str) -> None:
    refused = CliRunner().invoke(app, ["demo", "--folder", str(folder / "none"), f"--{name}", "no-such-file"])
    assert refused.exit_code == 2
    assert "no-such-file" in refused.stderr
    assert not (folder / "none").exists()


def check_cycle(demo: Demo) -> None:
    """The cycle ran from its first stage to its report, and each e-mail arrived once."""
    for stage in ("intake", "matching", "review", "kickoff", "active", "closing", "completed"):
        assert f"Stage {stage}" in demo.output
    assert "Closing report: completed" in demo.output
    letters = [read_letter(path) for path in (demo.folder / "mail").glob("*.eml")]
    templates = {letter.template for letter in letters}
    for kind in ("enrolment", "acceptance", "check_in", "survey"):
        assert {f"{kind}_invitation", f"{kind}_reminder"} <= templates
    assert any(letter.has_calendar for letter in letters)
    assert len({letter.message_id for letter in letters}) == len(letters)


@pytest.mark.long
def test_the_demo_runs_a_whole_cycle_on_an_export_of_ones_own_and_says_which_rows_it_left_out(
    folder: Path, export_with_bad_rows: Path
) -> None:
    people = ("--people", str(export_with_bad_rows), "--columns", str(SAMPLE / "columns.toml"))
    demo = Demo(folder / "export", *people, "--skip-invalid")
    assert demo.end() == 0, demo.output
    first, second = bad_lines(export_with_bad_rows)
    assert f"Left out line {first}, DateofHire: " in demo.output
    assert f"Left out line {second}, ManagerName: " in demo.output
    assert "Imported 20 people; 2 leavers skipped." in demo.output
    check_cycle(demo)


@pytest.mark.long
def test_the_demo_runs_a_whole_cycle_on_the_sample_company_as_the_readme_shows_it(folder: Path) -> None:
    demo = Demo(folder / "sample")
    assert demo.end() == 0, demo.output
    check_cycle(demo)
    printed = {shape(line) for line in demo.output.splitlines()}
    assert [line for line in lines_of_the_readme() if shape(line) not in printed] == [], demo.output
