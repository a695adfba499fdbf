"""Stacks of their own, in folders of their own: faults must not reach any other test."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.clusters import copy_cluster
from tests.faults.driver import Company, found_company
from upward.stack import Stack, running_stack


@pytest.fixture(scope="session")
def faults_folder() -> Iterator[Path]:
    """Short, as it becomes part of a socket's path, and open to the user that Postgres runs as."""
    with tempfile.TemporaryDirectory(prefix="upward-faults-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
async def stack(faults_folder: Path) -> AsyncIterator[Stack]:
    """A stack in this process, whose servers tests stop and start."""
    (faults_folder / "stack").mkdir()
    copy_cluster(faults_folder / "stack/postgres", migrated=True, durable=True)
    async with running_stack(faults_folder / "stack") as stack:
        yield stack


@pytest.fixture(scope="module")
async def company(stack: Stack, faults_folder: Path) -> AsyncIterator[Company]:
    company = await found_company(stack.url, stack.resources.database, faults_folder)
    yield company
    await company.admin.close()
