"""Stacks of their own, in folders of their own: faults must not reach any other test."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def faults_folder() -> Iterator[Path]:
    """Short, as it becomes part of a socket's path, and open to the user that Postgres runs as."""
    with tempfile.TemporaryDirectory(prefix="upward-faults-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
