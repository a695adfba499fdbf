"""Postgres for tests: copied ready-made, not made anew, and without waiting for the disk where nothing is killed.

The first test of a run that needs one makes two clusters, an empty one and one with the migrated schema, in a folder
that all its workers share (`tests/conftest.py`); every other test copies them.
"""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import SHARED
from upward.embedded import EmbeddedPostgres
from upward.migration import migrate

HASTY = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
OF_A_SERVER = (".handle_pids.json", "log", "postmaster.opts")
"""What a server leaves in its folder that belongs to no other."""


def copy_cluster(folder: Path, *, migrated: bool, durable: bool = False) -> None:
    """Makes `folder`, which must not exist, a cluster on which a server can be started. A durable one waits for the
    disk, as a user's does: a test that kills it needs that."""
    shared = Path(os.environ[SHARED])
    with (shared / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "migrated").exists():
            _make(shared)
    _copy(shared / ("migrated" if migrated else "empty"), folder)
    if durable:
        settings = folder / "postgresql.conf"
        settings.write_text(settings.read_text().replace(HASTY, ""))


@contextmanager
def cluster(folder: Path, *, migrated: bool) -> Iterator[str]:
    """A server on such a cluster in `folder`, which must not exist; its URL. Every user may go into the parents."""
    copy_cluster(folder, migrated=migrated)
    postgres = EmbeddedPostgres(folder)
    try:
        yield postgres.start()
    finally:
        postgres.stop()


def _make(shared: Path) -> None:
    made, postgres = shared / "made", EmbeddedPostgres(shared / "made")
    for name in ("empty", "migrated"):
        url = postgres.start()
        if name == "migrated":
            migrate(url)
        postgres.stop()
        _copy(made, shared / "copied")
        for left in OF_A_SERVER:
            (shared / "copied" / left).unlink(missing_ok=True)
        with (shared / "copied" / "postgresql.conf").open("a") as settings:
            settings.write(HASTY)
        (shared / "copied").rename(shared / name)


def _copy(source: Path, target: Path) -> None:
    """With the owners: Postgres may run as a user of its own."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
