"""Owners make and revoke keys: shown once, refused at once, never the last one, and with the hour of their last use."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, select

from services.accounts import main as accounts
from services.accounts.store import codes
from shared.auth import Role
from shared.database import Database
from shared.keys import AccessKey, key_id_of
from tests.services.access_keys import bearer, make
from tests.services.conftest import client_of
from tests.services.programs_examples import add_organization, once

KeyMaker = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
async def http(
    db: Database, organization_id: UUID, application: Callable[..., FastAPI], access_key: KeyMaker
) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the key of an owner."""
    await add_organization(db, organization_id)
    async with client_of(application(accounts)) as client:
        client.headers.update(await access_key(Role.OWNER))
        yield client


async def test_a_key_is_shown_once_and_works_until_it_is_revoked_with_its_sessions(http: httpx.AsyncClient) -> None:
    body, headers = {"role": "coordinator", "label": " Ana "}, once({}, "a")
    made = (await http.post("/v1/keys", json=body, headers=headers)).json()
    again = (await http.post("/v1/keys", json=body, headers=headers)).json()
    assert (again["id"], again["key"], made["label"]) == (made["id"], None, "Ana")
    session = (await http.post("/v1/session", headers=bearer(made["key"]))).json()["token"]
    read = (await http.get(f"/v1/keys/{made['id']}")).json()
    assert (read["sessions"], read["revoked_at"], "key" in read) == (1, None, False)
    for _ in range(2):
        assert (await http.delete(f"/v1/keys/{made['id']}")).status_code == 204
    for credential in (made["key"], session):
        assert (await http.get("/v1/caller", headers=bearer(credential))).status_code == 401
    assert [one["id"] for one in (await http.get("/v1/keys?state=revoked")).json()["items"]] == [made["id"]]


async def test_the_last_key_of_an_owner_is_not_revoked(
    http: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    async with db.transaction() as session:
        await codes.issue_code(session, organization_id)  # nobody has its key
    own = (await http.get("/v1/caller")).json()["key_id"]
    assert (await http.get(f"/v1/keys/{own}")).json()["last_owner"]
    refused = await http.delete(f"/v1/keys/{own}")
    assert (refused.status_code, refused.json()["code"]) == (409, "last_owner_key")
    other = await make(http, role="owner")
    assert not (await http.get(f"/v1/keys/{own}")).json()["last_owner"]
    assert (await http.delete(f"/v1/keys/{own}")).status_code == 204
    refused = await http.delete(f"/v1/keys/{other['id']}", headers=bearer(other["key"]))
    assert refused.status_code == 409


async def test_only_owners_read_make_and_revoke_keys(http: httpx.AsyncClient) -> None:
    admin = bearer((await make(http, role="admin"))["key"])
    own = (await http.get("/v1/caller")).json()["key_id"]
    answers = [
        await http.get("/v1/keys", headers=admin),
        await http.get(f"/v1/keys/{own}", headers=admin),
        await http.delete(f"/v1/keys/{own}", headers=admin),
        await http.post("/v1/keys", json={"role": "owner", "label": "x"}, headers=once(admin, "b")),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4


async def test_another_organization_s_keys_are_not_there(
    http: httpx.AsyncClient, db: Database, access_key: KeyMaker
) -> None:
    other = uuid4()
    await add_organization(db, other)
    theirs = await access_key(Role.OWNER, other)
    key_id = key_id_of(theirs["authorization"].removeprefix("Bearer ")) or ""
    assert (await http.get(f"/v1/keys/{key_id}")).status_code == 404
    assert (await http.delete(f"/v1/keys/{key_id}")).status_code == 404
    assert (await http.get("/v1/keys", params={"cursor": key_id})).status_code == 400
    assert key_id not in (await http.get("/v1/keys")).text
    assert (await http.get("/v1/caller", headers=theirs)).status_code == 200


async def test_keys_are_listed_newest_first_and_each_once(http: httpx.AsyncClient) -> None:
    made = [(await make(http, label=str(number)))["id"] for number in range(3)]
    found: list[str] = []
    cursor = ""
    while True:
        page = (await http.get(f"/v1/keys?limit=2&state=valid{cursor}")).json()
        found += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(found) == len(set(found)) == 4
    assert set(made) < set(found)


@pytest.mark.parametrize(
    "body",
    [
        {"role": "king", "label": "x"},
        {"role": "viewer", "label": " "},
        {"role": "viewer"},
        {"label": "x"},
        {"role": "owner", "label": " one-time sign-in "},  # no owner could sign in with it, as far as is known
    ],
)
async def test_a_key_needs_a_role_and_a_label(http: httpx.AsyncClient, body: dict[str, str]) -> None:
    assert (await http.post("/v1/keys", json=body, headers=once({}, "c"))).status_code == 422


async def test_the_last_use_is_kept_to_the_hour_and_written_once_an_hour(
    http: httpx.AsyncClient, db: Database, database: Database
) -> None:
    made = await make(http)
    assert made["last_used_at"] is None
    written: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if statement.startswith("UPDATE programs.access_key"):
            written.append(next(one for one in parameters.values() if one == made["id"]))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        session = (await http.post("/v1/session", headers=bearer(made["key"]))).json()["token"]
        for credential in (made["key"], session, made["key"]):
            assert (await http.get("/v1/caller", headers=bearer(credential))).status_code == 200
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    assert len([one for one in written if one == made["id"]]) == 1
    async with db.transaction() as transaction:
        used = await transaction.scalar(select(AccessKey.last_used_at).where(AccessKey.id == made["id"]))
    assert used is not None
    assert (used.minute, used.second) == (0, 0)
    assert abs((datetime.now(UTC) - used).total_seconds()) < 2 * 3600
