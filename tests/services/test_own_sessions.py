"""One's own sessions: those that the same access key has opened, listed and ended, by the API and in the console."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from services.accounts import main as accounts
from services.console import main as console
from shared.auth import Role
from shared.database import Database
from shared.sessions import IDLE, SessionRow
from tests.services.conftest import client_of
from tests.services.programs_examples import add_organization

KeyMaker = Callable[..., Awaitable[dict[str, str]]]
SESSIONS = "/console/settings/sessions"
Headers = dict[str, str]


@pytest.fixture
async def http(
    db: Database, organization_id: UUID, application: Callable[..., FastAPI]
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    async with client_of(application(accounts, console)) as client:
        yield client


async def opened(http: httpx.AsyncClient, key: Headers) -> tuple[Headers, str]:
    """The header of a new session, and its id."""
    answer = (await http.post("/v1/session", headers=key)).json()
    return {"authorization": f"Bearer {answer['token']}"}, answer["session"]["id"]


async def listed(http: httpx.AsyncClient, headers: Headers) -> list[dict[str, Any]]:
    answer = await http.get("/v1/sessions", headers=headers)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def is_alive(http: httpx.AsyncClient, headers: Headers) -> bool:
    return (await http.get("/v1/caller", headers=headers)).status_code == 200


async def test_whoever_is_signed_in_sees_the_sessions_of_their_key_with_the_hour_of_their_use(
    http: httpx.AsyncClient, access_key: KeyMaker, db: Database
) -> None:
    key, other = await access_key(Role.VIEWER), await access_key(Role.VIEWER)
    (mine, own_id), (_, second_id), (over, over_id) = [await opened(http, key) for _ in range(3)]
    await opened(http, other)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    async with db.transaction() as session:
        for id, used in ((over_id, func.now() - IDLE), (second_id, func.now() - timedelta(hours=2))):
            changed = update(SessionRow).where(SessionRow.id == UUID(id))
            await session.execute(changed.values(last_used_at=used))
    assert not await is_alive(http, over)
    found = await listed(http, mine)
    assert [(one["id"], one["current"]) for one in found] == [(own_id, True), (second_id, False)]
    for one in found:
        begun, last, ends = (datetime.fromisoformat(one[name]) for name in ("created_at", "last_used_at", "expires_at"))
        assert (last.minute, last.second, last.microsecond, ends - begun) == (0, 0, 0, timedelta(days=7))
        assert begun > at
    assert {one["current"] for one in await listed(http, key)} == {False}, "a key has no session of its own"
    assert set(found[0]) == {"id", "created_at", "expires_at", "last_used_at", "current"}, "no address, no browser"


async def test_one_is_ended_and_then_all_others(http: httpx.AsyncClient, access_key: KeyMaker) -> None:
    key, other = await access_key(Role.VIEWER), await access_key(Role.VIEWER)
    (mine, _), (second, second_id), (third, _) = [await opened(http, key) for _ in range(3)]
    theirs, their_id = await opened(http, other)
    assert (await http.delete(f"/v1/sessions/{second_id}", headers=mine)).status_code == 204
    assert [await is_alive(http, one) for one in (mine, second, third)] == [True, False, True]
    for unknown in (second_id, their_id, str(uuid4())):
        answer = await http.delete(f"/v1/sessions/{unknown}", headers=mine)
        assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")
    assert (await http.delete("/v1/sessions", headers=mine)).status_code == 204
    assert [await is_alive(http, one) for one in (mine, third, theirs)] == [True, False, True]
    assert (await http.delete("/v1/sessions", headers=key)).status_code == 204
    assert [await is_alive(http, one) for one in (mine, theirs, key)] == [False, True, True]


async def test_the_page_ends_one_session_and_all_others_but_not_one_s_own(
    http: httpx.AsyncClient, access_key: KeyMaker, db: Database
) -> None:
    key = await access_key(Role.VIEWER)
    mine, own_id = await opened(http, key)
    _, second_id = await opened(http, key)
    third, _ = await opened(http, key)
    page = await http.get(SESSIONS, headers=mine)
    assert page.text.count("<tr ") == 4
    assert "this one" in page.text
    assert f"{SESSIONS}/{own_id}/end" not in page.text
    token = re.findall(r'name="form_token" value="([^"]+)"', page.text)[-1]
    for _ in range(2):  # a double click ends it once
        answer = await http.post(f"{SESSIONS}/{second_id}/end", data={"form_token": token}, headers=mine)
        assert answer.headers["location"] == f"{SESSIONS}?done=ended"
    assert "The session has ended." in (await http.get(answer.headers["location"], headers=mine)).text
    answer = await http.post(f"{SESSIONS}/end-others", data={"form_token": token}, headers=mine)
    alone = await http.get(answer.headers["location"], headers=mine)
    assert "All other sessions have ended." in alone.text
    assert "End all other sessions" not in alone.text
    assert not await is_alive(http, third)
    async with db.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SessionRow)) == 1
