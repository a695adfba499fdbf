"""One stack a worker for the tests that do not kill it; their organizations keep apart."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.clusters import copy_cluster
from tests.e2e.company import Company, company
from tests.e2e.sample import Made, Maker, read
from upward.demo.admin import AdminClient
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


@pytest.fixture(scope="package")
async def made(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Made]:
    """It is interrupted after the programs were made, and in the middle of the cycles."""
    maker = Maker(stack, tmp_path_factory.mktemp("sample"))
    await maker.make_until("their people answer")
    await maker.make_until("stage review")
    await maker.make()
    admin = AdminClient(stack.url, maker.key)
    yield Made(maker, admin, await read(admin))
    await admin.close()
