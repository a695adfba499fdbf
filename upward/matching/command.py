"""`upward match`: the matcher on files, without a server and without a database."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Event

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from services.intake.enrolment_file.column_map import read_column_maps
from services.intake.enrolment_file.directory import read_directory
from services.intake.enrolment_file.reading import read_enrolments
from services.intake.enrolment_file.topics import Topics
from services.matching.engine.computation import Result
from services.matching.engine.inputs import Inputs
from services.matching.runs.solving import solve_here
from shared.contracts.programs import Direction
from upward.matching import result_files, summary
from upward.matching.policy_file import read_policy
from upward.matching.pool import make_inputs

PATIENCE = 0.5
"""After so many seconds, a progress bar shows that the computation goes on."""


@dataclass(frozen=True)
class Request:
    people: Path
    enrolments: Path
    out: Path
    starts_on: date
    """People who left before this day take no part. The clock times of its week count."""
    policy: Path | None = None
    columns: Path | None = None
    direction: Direction = Direction.REVERSE
    skip_invalid: bool = False
    force: bool = False
    seed: str | None = None


def run_match(request: Request, console: Console) -> None:
    """Reads the files, computes, writes the results and shows a summary. If it raises CannotRun, nothing was
    written."""
    result_files.check_folder(request.out, force=request.force)
    policy = read_policy(request.policy)
    mapping = read_column_maps(request.columns)
    skip = request.skip_invalid
    names = mapping.enrolments.formats.names
    directory = read_directory(request.people, mapping.people, request.starts_on, skip_invalid=skip, names=names)
    topics = Topics(policy.topics)
    enrolments = read_enrolments(request.enrolments, mapping, directory, topics, skip_invalid=skip)
    inputs = make_inputs(directory, enrolments, policy, topics, request.direction, request.starts_on, request.seed)
    given = {
        "people": request.people,
        "enrolments": request.enrolments,
        "policy": request.policy,
        "columns": request.columns,
    }
    run = result_files.Run(
        directory=directory,
        enrolments=enrolments,
        inputs=inputs,
        result=_compute(inputs, console),
        starts_on=request.starts_on,
        files={kind: path for kind, path in given.items() if path is not None},
        unlisted=topics.unlisted(),
    )
    result_files.write(run, request.out)
    summary.show(run, request.out, console)


class _Stopped(Exception):
    """The user stopped the command while it was computing."""


def _compute(inputs: Inputs, console: Console) -> Result:
    """Computes in another thread, so that Ctrl-C works and a long computation can show that it goes on."""
    stop = Event()

    def heartbeat() -> None:
        if stop.is_set():
            raise _Stopped

    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(solve_here, inputs, heartbeat)
        try:
            wait([future], PATIENCE)
            if console.is_terminal and not future.done():
                _show_progress(future.done, len(inputs.people), console)
        except KeyboardInterrupt:
            stop.set()
            raise
        return future.result()


def _show_progress(done: Callable[[], bool], people: int, console: Console) -> None:
    text = TextColumn(f"Matching {people:,} people")
    with Progress(text, BarColumn(), TimeElapsedColumn(), console=console, transient=True) as progress:
        progress.add_task("", total=None)
        while not done():
            time.sleep(0.05)
