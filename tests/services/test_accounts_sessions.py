"""Sessions: an access key is changed into one, `/v1` takes it as it takes the key, and it ends when it should."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from services.accounts import main as accounts
from services.accounts.models import SignInCode
from services.accounts.store import codes, keys
from services.accounts.store import sessions as store
from services.programs import main as programs
from shared.auth import Role
from shared.contracts.accounts import CallerDetails, Organization
from shared.contracts.base import Service
from shared.database import Database
from shared.errors import Unauthorized
from shared.http.public import PublicApi
from shared.keys import key_id_of
from shared.sessions import IDLE, LONGEST, NOTED_EVERY, SessionRow, hash_token
from tests.services.conftest import client_of
from tests.services.programs_examples import PROGRAM, add_organization, once

KeyMaker = Callable[..., Awaitable[dict[str, str]]]
SHORT = timedelta(seconds=30)


@pytest.fixture
async def http(
    db: Database, organization_id: UUID, application: Callable[..., FastAPI]
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    async with client_of(application(accounts, programs)) as client:
        yield client


async def opened(http: httpx.AsyncClient, key: dict[str, str]) -> dict[str, str]:
    """The Authorization header of a new session."""
    answer = await http.post("/v1/session", headers=key)
    assert answer.status_code == 201, answer.text
    return {"authorization": f"Bearer {answer.json()['token']}"}


async def move(db: Database, headers: dict[str, str], **values: Any) -> None:
    """Changes the stored session of these headers, as time would."""
    token = headers["authorization"].removeprefix("Bearer ")
    async with db.transaction() as session:
        changed = update(SessionRow).where(SessionRow.token_hash == hash_token(token)).values(**values)
        assert (await session.execute(changed.returning(SessionRow.id))).one()


async def status(http: httpx.AsyncClient, headers: dict[str, str]) -> tuple[int, str]:
    answer = await http.get("/v1/organization", headers=headers)
    return answer.status_code, answer.json().get("code", "")


ENDED = (401, "session_ended")


@pytest.mark.parametrize("role", list(Role))
async def test_a_session_may_do_what_its_key_may_do(
    http: httpx.AsyncClient, access_key: KeyMaker, organization_id: UUID, role: Role
) -> None:
    key = await access_key(role)
    session = await opened(http, key)
    for headers in (key, session):
        caller = (await http.get("/v1/caller", headers=headers)).json()
        assert caller["organization"] == {"id": str(organization_id), "name": f"Company {organization_id}"}
        assert (caller["role"], caller["key_label"]) == (role.value, "test")
        assert (caller["session"] is None) is (headers is key)
        answer = await http.post("/v1/programs", headers=once(headers), json=dict(PROGRAM))
        assert answer.status_code == (201 if role.covers(Role.ADMIN) else 403), answer.text


async def test_only_the_hash_of_a_token_is_stored(http: httpx.AsyncClient, access_key: KeyMaker, db: Database) -> None:
    token = (await opened(http, await access_key()))["authorization"].removeprefix("Bearer ")
    async with db.transaction() as session:
        (row,) = (await session.scalars(select(SessionRow))).all()
    assert token not in str(vars(row))
    assert row.token_hash == hash_token(token)


async def test_a_session_ends_when_nobody_uses_it(http: httpx.AsyncClient, access_key: KeyMaker, db: Database) -> None:
    headers = await opened(http, await access_key())
    await move(db, headers, last_used_at=func.now() - IDLE + SHORT)
    assert await status(http, headers) == (200, "")
    await move(db, headers, last_used_at=func.now() - IDLE)
    assert await status(http, headers) == ENDED


async def test_a_session_that_is_used_goes_on_until_its_longest_time(
    http: httpx.AsyncClient, access_key: KeyMaker, db: Database
) -> None:
    headers = await opened(http, await access_key())
    await move(db, headers, created_at=func.now() - LONGEST + SHORT)
    assert await status(http, headers) == (200, "")
    await move(db, headers, created_at=func.now() - LONGEST)
    assert await status(http, headers) == ENDED


async def test_the_last_use_is_noted_but_not_with_every_request(
    http: httpx.AsyncClient, access_key: KeyMaker, db: Database
) -> None:
    async def unused_for(before: timedelta) -> timedelta:
        await move(db, headers, last_used_at=func.now() - before)
        assert await status(http, headers) == (200, "")
        async with db.transaction() as session:
            now, last_used_at = (await session.execute(select(func.now(), SessionRow.last_used_at))).one()
        return timedelta(seconds=(now - last_used_at).total_seconds())

    headers = await opened(http, await access_key())
    assert await unused_for(NOTED_EVERY - SHORT) == NOTED_EVERY - SHORT
    assert await unused_for(NOTED_EVERY + SHORT) == timedelta(0)


async def test_all_sessions_of_a_revoked_key_end_at_once_and_no_others(
    http: httpx.AsyncClient, access_key: KeyMaker, db: Database, organization_id: UUID
) -> None:
    key, other = await access_key(Role.ADMIN), await access_key(Role.ADMIN)
    ending, staying = [await opened(http, key), await opened(http, key)], await opened(http, other)
    key_id = key_id_of(key["authorization"].removeprefix("Bearer "))
    assert key_id is not None
    async with db.transaction() as session:
        await keys.revoke_access_key(session, organization_id, key_id)
    assert [await status(http, headers) for headers in ending] == [ENDED, ENDED]
    assert await status(http, staying) == (200, "")
    assert (await http.post("/v1/session", headers=key)).status_code == 401


async def test_signing_out_ends_one_session_and_a_key_has_none(http: httpx.AsyncClient, access_key: KeyMaker) -> None:
    key = await access_key()
    ending, staying = await opened(http, key), await opened(http, key)
    assert (await http.delete("/v1/session", headers=ending)).status_code == 204
    assert await status(http, ending) == ENDED
    assert (await http.delete("/v1/session", headers=ending)).status_code == 401
    assert await status(http, staying) == (200, "")
    assert (await http.delete("/v1/session", headers=key)).status_code == 204
    assert await status(http, key) == (200, "")


async def test_a_session_opens_no_other_session(http: httpx.AsyncClient, access_key: KeyMaker) -> None:
    headers = await opened(http, await access_key())
    answer = await http.post("/v1/session", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_access_key")


@pytest.mark.parametrize("token", ["ups_", "ups_" + "A" * 43, "ups_" + "A" * 42, "upo_" + "A" * 43, "ups_" + "é" * 43])
async def test_a_token_that_nobody_was_given_is_refused(http: httpx.AsyncClient, token: str) -> None:
    headers = httpx.Headers({b"authorization": f"Bearer {token}".encode()})
    assert (await http.get("/v1/caller", headers=headers)).status_code == 401
    assert (await http.post("/v1/session", headers=headers)).status_code == 401


async def test_a_session_shows_its_own_organization_alone(
    http: httpx.AsyncClient, access_key: KeyMaker, db: Database
) -> None:
    mine = await opened(http, await access_key(Role.OWNER))
    program = (await http.post("/v1/programs", headers=once(mine), json=dict(PROGRAM))).json()["id"]
    other = uuid4()
    await add_organization(db, other)
    theirs = await opened(http, await access_key(Role.OWNER, other))
    assert (await http.get(f"/v1/programs/{program}", headers=theirs)).status_code == 404
    assert (await http.get("/v1/programs", headers=theirs)).json()["items"] == []


async def test_sessions_that_have_ended_are_removed_and_a_key_has_a_hundred(
    http: httpx.AsyncClient, access_key: KeyMaker, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST", 2)
    key = await access_key()
    oldest = await opened(http, key)
    await move(db, oldest, last_used_at=func.now() - 2 * SHORT)
    newer = await opened(http, key)
    await move(db, newer, last_used_at=func.now() - SHORT)
    assert await status(http, oldest) == (200, "")
    newest = await opened(http, key)
    assert [(await status(http, headers))[0] for headers in (oldest, newer, newest)] == [401, 200, 200]
    await move(db, newer, last_used_at=func.now() - IDLE)
    await opened(http, await access_key())
    async with db.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SessionRow)) == 2, (
            "newest, and that of another key"
        )


# One-time codes


async def test_a_code_signs_an_owner_in_once(http: httpx.AsyncClient, db: Database, organization_id: UUID) -> None:
    async with db.transaction() as session:
        code = await codes.issue_code(session, organization_id)
    header = {"authorization": f"Bearer {code}"}
    assert (await http.get("/v1/caller", headers=header)).status_code == 401, "it is no key"
    session_header = await opened(http, header)
    caller = (await http.get("/v1/caller", headers=session_header)).json()
    assert (caller["role"], caller["organization"]["id"]) == ("owner", str(organization_id))
    again = await http.post("/v1/session", headers=header)
    assert (again.status_code, again.json()["code"]) == (401, "sign_in_code_used")


async def test_only_the_newest_code_signs_in_and_not_for_long(
    http: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    async with db.transaction() as session:
        older = await codes.issue_code(session, organization_id)
        code = await codes.issue_code(session, organization_id)
        assert len((await session.scalars(select(SignInCode))).all()) == 1
    assert (await http.post("/v1/session", headers={"authorization": f"Bearer {older}"})).status_code == 401
    async with db.transaction() as session:
        await session.execute(update(SignInCode).values(expires_at=func.now()))
    assert (await http.post("/v1/session", headers={"authorization": f"Bearer {code}"})).status_code == 401


async def test_sessions_that_codes_opened_end_with_the_key_that_they_stand_for(
    http: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    async with db.transaction() as session:
        code = await codes.issue_code(session, organization_id)
    headers = await opened(http, {"authorization": f"Bearer {code}"})
    key_id = (await http.get("/v1/caller", headers=headers)).json()["key_id"]
    async with db.transaction() as session:
        unused = await codes.issue_code(session, organization_id)
        await keys.revoke_access_key(session, organization_id, key_id)
    assert await status(http, headers) == ENDED
    assert (await http.post("/v1/session", headers={"authorization": f"Bearer {unused}"})).status_code == 401
    async with db.transaction() as session:
        code = await codes.issue_code(session, organization_id)
    headers = await opened(http, {"authorization": f"Bearer {code}"})
    assert (await http.get("/v1/caller", headers=headers)).json()["key_id"] != key_id


async def test_of_two_who_use_a_code_at_once_one_signs_in(database: Database) -> None:
    """With connections of their own, as a savepoint of one transaction would hide the race."""
    async with database.transaction() as session:
        organization_id = await keys.find_or_create_organization(session, f"Codes {uuid4()}")
        code = await codes.issue_code(session, organization_id)

    async def use() -> bool:
        try:
            async with database.transaction() as session:
                await codes.use_code(session, code)
        except Unauthorized:
            return False
        return True

    assert sorted(await asyncio.gather(use(), use(), use())) == [False, False, True]


@pytest.mark.parametrize("seconds", [0, 60])
async def test_what_a_page_changes_is_asked_of_a_session_that_lives_and_so_is_what_it_reads_after_a_moment(
    http: httpx.AsyncClient,
    access_key: KeyMaker,
    application: Callable[..., FastAPI],
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
) -> None:
    """A page that has identified its visitor does not read the session again for each call (decision 0036)."""
    monkeypatch.setattr("shared.http.inside.TRUSTED_SECONDS", seconds)
    session = await opened(http, await access_key())
    token = session["authorization"].removeprefix("Bearer ")
    api: PublicApi = application(accounts, programs).state.public_api
    page = api.acting_as(token)
    await page.get(Service.ACCOUNTS, "/caller", CallerDetails)
    assert (await http.delete("/v1/session", headers=session)).status_code == 204
    with pytest.raises(Unauthorized):
        await page.delete(Service.ACCOUNTS, "/session")
    for reader in (page, api.acting_as(token)) if seconds == 0 else (api.acting_as(token),):
        with pytest.raises(Unauthorized):
            await reader.get(Service.ACCOUNTS, "/organization", Organization)
