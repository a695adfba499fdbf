"""No service asks another one while it holds a transaction: every test of this folder looks, and these show that it
sees one."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from shared.config import Settings
from shared.contracts.base import PersonPage, Service
from shared.database import Database
from shared.http.internal import Internal
from shared.http.public import PublicApi
from tests.open_transactions import watched

PATH = "/cycles/1/leavers"


@pytest.fixture
async def internal(settings: Settings, database: Database) -> AsyncIterator[Internal]:
    """A service that reads its own database when it is asked."""
    app = FastAPI()

    @app.get(f"/internal/intake{PATH}")
    async def read() -> PersonPage:
        async with database.transaction() as session:
            await session.execute(text("select 1"))
        return PersonPage(person_ids=())

    internal = Internal(settings, app)
    yield internal
    await internal.close()


async def ask(internal: Internal) -> None:
    await internal.get(Service.INTAKE, PATH, PersonPage, uuid4())


async def test_a_question_within_a_transaction_is_seen(database: Database, internal: Internal) -> None:
    with watched() as found:
        async with database.transaction() as session:
            await session.execute(text("select 1"))
            await ask(internal)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(ask(internal))
    assert found == [f"GET /internal/intake{PATH}"] * 2


async def test_a_call_of_the_public_api_within_a_transaction_is_seen(database: Database, internal: Internal) -> None:
    with watched() as found:
        async with database.transaction() as session:
            await session.execute(text("select 1"))
            with pytest.raises(httpx.HTTPStatusError):  # nothing is served there
                await PublicApi(internal).get(Service.INTAKE, "/people", PersonPage)
    assert found == ["GET /v1/people"]


async def test_a_question_before_between_or_after_transactions_is_none(database: Database, internal: Internal) -> None:
    with watched() as found:
        for _ in range(2):
            await ask(internal)
            async with database.transaction() as session:
                await session.execute(text("select 1"))
        async with database.transaction() as session:
            await ask(internal)  # it has no connection before its first statement
            await session.execute(text("select 1"))
            await session.commit()
            await ask(internal)
    assert found == []


async def test_another_task_s_transaction_is_none_of_its_business(database: Database, internal: Internal) -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        async with database.transaction() as session:
            await session.execute(text("select 1"))
            begun.set()
            await over.wait()

    with watched() as found:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(work())
            await begun.wait()
            await ask(internal)
            over.set()
    assert found == []
