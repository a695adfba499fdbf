"""One stack a worker for the tests that do not kill it; their organizations keep apart."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.clusters import copy_cluster
from tests.e2e.company import Company, company
from upward.stack import Stack, running_stack


@pytest.fixture(scope="session")
async def stack() -> AsyncIterator[Stack]:
    with (
        tempfile.TemporaryDirectory(prefix="upward-stack-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        Path(folder).chmod(0o755)
        copy_cluster(Path(folder) / "postgres", migrated=True)
        patch.setenv("UPWARD_WEBHOOK_DEVELOPMENT_NETWORKS", '["127.0.0.0/8"]')
        async with running_stack(Path(folder)) as stack:
            yield stack


@pytest.fixture
async def acme(stack: Stack) -> AsyncIterator[Company]:
    """A company of the test's own."""
    async with company(stack.url, stack.resources.database, stack.mail.folder) as found:
        yield found
