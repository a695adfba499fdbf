"""What HTTP edges get from FastAPI: a session, which is committed before the answer is sent, and other parts of the
application."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Header, Request
from sqlalchemy.ext.asyncio import AsyncSession

from shared.config import Settings
from shared.database import Database
from shared.http.internal import Internal
from shared.http.public import PublicApi


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.database.transaction() as session:
        yield session


async def _reading(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.database.single_statements() as session:
        yield session


# These wait for nothing and are coroutines all the same: FastAPI runs plain functions in threads, for each request.
async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _internal(request: Request) -> Internal:
    internal: Internal = request.app.state.internal
    return internal


async def _public_api(request: Request) -> PublicApi:
    public_api: PublicApi = request.app.state.public_api
    return public_api


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _stopping(request: Request) -> asyncio.Event:
    stopping: asyncio.Event = request.app.state.stopping
    return stopping


# scope="function": the transaction ends before the response is sent, not after (FastAPI's default).
Session = Annotated[AsyncSession, Depends(_session, scope="function")]
# For handlers that only read: each statement sees what is committed when it begins, as it does in a transaction.
Reading = Annotated[AsyncSession, Depends(_reading, scope="function")]
# For handlers that ask another service first, or compute for long: no connection is held while they wait for it.
AppDatabase = Annotated[Database, Depends(_database)]
InternalClient = Annotated[Internal, Depends(_internal)]
# The public API as anybody sees it; the handler says for whom it calls.
PublicApiClient = Annotated[PublicApi, Depends(_public_api)]
# Set when the server is to end: whoever waits for something answers then.
Stopping = Annotated[asyncio.Event, Depends(_stopping)]
AppSettings = Annotated[Settings, Depends(_settings)]
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]
