"""Dying at a step: a process that kills itself at the n-th statement or commit that it sends, or has had answered."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from shared.database import Database


def one_of_each(steps: Sequence[str], behind: str) -> list[int]:
    """Where to die once in each way: the number of the first step of each name, and of the first of each name behind
    the first step of the name given."""
    split = steps.index(behind) + 1
    before, after = list(steps[:split]), list(steps[split:])
    first = {before.index(name) + 1 for name in before}
    return sorted(first | {split + after.index(name) + 1 for name in after})


class Steps:
    """Counts the steps, writes each down before anything else happens, and dies at the one it was told."""

    def __init__(self, last: int, record: Path) -> None:
        self._last, self._count = last, 0
        self._record = record.open("w")

    def take(self, name: str) -> None:
        self._count += 1
        self._record.write(name + "\n")
        self._record.flush()
        if self._count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, database: Database) -> None:
        engine = database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", lambda *call: self.take(f"before {_verb(call[2])}"))
        event.listen(engine, "after_cursor_execute", lambda *call: self.take(f"after {_verb(call[2])}"))
        _watch_commits(engine, self)


def _watch_commits(engine: Engine, steps: Steps) -> None:
    original = engine.dialect.do_commit

    def commit(connection: Any) -> None:
        steps.take("before COMMIT")
        original(connection)
        steps.take("after COMMIT")

    setattr(engine.dialect, "do_commit", commit)  # noqa: B010 (mypy refuses the plain assignment)


def _verb(statement: str) -> str:
    """`UPDATE message`, `SELECT … FOR UPDATE`, `SELECT`, `WITH moved`."""
    words = statement.split()
    if words[0] == "SELECT":
        return "SELECT FOR UPDATE" if "FOR UPDATE" in statement else "SELECT"
    return f"{words[0]} {words[2 if words[0] in ('INSERT', 'DELETE') else 1].rsplit('.', 1)[-1]}"
