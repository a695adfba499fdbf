"""One stack a worker for the tests that do not kill it; their organizations keep apart."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.clusters import copy_cluster
from tests.e2e.company import Company, company
from upward.stack import Stack, running_stack


@pytest.fixture(scope="package")
async def stack() -> AsyncIterator[Stack]:
    """It ends before the worker goes on with another folder, whose tests must not feel it."""
    async with AsyncExitStack() as cleanup:
        folder = Path(
            cleanup.enter_context(tempfile.TemporaryDirectory(prefix="upward-stack-", ignore_cleanup_errors=True))
        )
        folder.chmod(0o755)
        copy_cluster(folder / "postgres", migrated=True)
        with pytest.MonkeyPatch.context() as patch:  # only while it starts: the settings are read then
            patch.setenv("UPWARD_WEBHOOK_DEVELOPMENT_NETWORKS", '["127.0.0.0/8"]')
            stack = await cleanup.enter_async_context(running_stack(folder))
        yield stack


@pytest.fixture
async def acme(stack: Stack) -> AsyncIterator[Company]:
    """A company of the test's own."""
    async with company(stack.url, stack.resources.database, stack.mail.folder) as found:
        yield found
