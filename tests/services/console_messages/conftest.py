"""The pages on which admins choose how their organization looks and what its messages say, in a browser."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from services.accounts import main as accounts
from services.console import main as console
from services.notifications import main as notifications
from services.programs import main as programs
from shared.auth import Role
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.programs_examples import add_organization
from tests.services.test_console_sign_in import key_of, sign_in

Key = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
async def browser(
    db: Database, organization_id: UUID, application: Callable[..., FastAPI]
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    async with client_of(application(accounts, programs, notifications, console)) as client:
        yield client


@pytest.fixture
async def admin(browser: httpx.AsyncClient, access_key: Key) -> httpx.AsyncClient:
    await sign_in(browser, key_of(await access_key(Role.ADMIN)))
    return browser


def mark_in(page: httpx.Response) -> str:
    """The ETag of what the page shows."""
    return page.text.partition('name="etag" value="')[2].partition('">')[0].replace("&#34;", '"')
