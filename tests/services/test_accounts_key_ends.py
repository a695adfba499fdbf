"""Access keys end, are limited to networks and replaced without a gap; and that they are used is noted afterwards."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, event, func, select, text, update
from structlog.testing import capture_logs
from typer.testing import CliRunner

from services.accounts import main as accounts
from services.accounts.store import codes, keys
from shared.auth import Role
from shared.config import Settings
from shared.database import Database
from shared.http.application import create_application
from shared.keys import AccessKey, key_id_of
from tests.services.access_keys import bearer, make
from tests.services.conftest import client_of
from tests.services.programs_examples import add_organization, once
from upward.cli import app as command_line

KeyMaker = Callable[..., Awaitable[dict[str, str]]]
HERE, ELSEWHERE = "203.0.113.7", "198.51.100.7"
NOW = datetime.now(UTC)


@pytest.fixture
async def app(db: Database, organization_id: UUID, application: Callable[..., FastAPI]) -> FastAPI:
    await add_organization(db, organization_id)
    return application(accounts)


@pytest.fixture
async def http(app: FastAPI, access_key: KeyMaker) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the key of an owner."""
    async with client_of(app) as client:
        client.headers.update(await access_key(Role.OWNER))
        yield client


async def rotate(http: httpx.AsyncClient, key_id: str, **wanted: Any) -> httpx.Response:
    return await http.post(f"/v1/keys/{key_id}/rotate", json=wanted or None, headers=once({}, str(uuid4())))


async def read(http: httpx.AsyncClient, key_id: str) -> dict[str, Any]:
    return dict((await http.get(f"/v1/keys/{key_id}")).json())


async def told(http: httpx.AsyncClient, credential: str) -> tuple[int, str]:
    answer = await http.get("/v1/caller", headers=bearer(credential))
    return answer.status_code, answer.json().get("code", "")


async def move(db: Database, key_id: str, **values: Any) -> None:
    """Changes a stored key, as time would."""
    async with db.transaction() as session:
        await session.execute(update(AccessKey).where(AccessKey.id == key_id).values(**values))


def length(key: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])


# The end


async def test_a_key_is_valid_for_a_year_or_as_long_as_its_owner_says(http: httpx.AsyncClient) -> None:
    assert length(await make(http)) == timedelta(days=365)
    made = await make(http, valid_days=30)
    assert (length(made), made["state"], (await read(http, made["id"]))["expires_at"]) == (
        *(timedelta(days=30), "valid"),
        made["expires_at"],
    )


async def test_a_key_of_an_earlier_version_does_not_expire(http: httpx.AsyncClient) -> None:
    own = (await http.get("/v1/caller")).json()["key_id"]
    found = await read(http, own)
    assert (found["expires_at"], found["networks"], found["state"]) == (None, [], "valid")


async def test_from_its_end_on_a_key_is_refused_and_its_sessions_have_ended(
    http: httpx.AsyncClient, db: Database
) -> None:
    made = await make(http)
    session = (await http.post("/v1/session", headers=bearer(made["key"]))).json()["token"]
    await move(db, made["id"], expires_at=func.now() + timedelta(seconds=60))
    assert [await told(http, one) for one in (made["key"], session)] == [(200, ""), (200, "")]
    await move(db, made["id"], expires_at=func.now())
    assert await told(http, made["key"]) == (401, "access_key_expired")
    assert await told(http, session) == (401, "session_ended")
    assert (await http.post("/v1/session", headers=bearer(made["key"]))).json()["code"] == "access_key_expired"
    assert await told(http, made["key"][:-1] + "!") == (401, "invalid_access_key"), "nobody else learns that it ended"
    found = await read(http, made["id"])
    assert (found["state"], found["sessions"], found["revoked_at"]) == ("expired", 0, None)
    listed = {
        state: [one["id"] for one in (await http.get("/v1/keys", params={"state": state})).json()["items"]]
        for state in ("valid", "expired", "revoked")
    }
    assert (made["id"] in listed["valid"], listed["expired"], listed["revoked"]) == (False, [made["id"]], [])


async def test_expired_keys_do_not_count_among_the_keys_that_an_organization_may_have(
    http: httpx.AsyncClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "MOST_KEYS", 2)
    made = await make(http)
    body = {"role": "viewer", "label": "x"}
    refused = await http.post("/v1/keys", json=body, headers=once({}, "a"))
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_keys")
    await move(db, made["id"], expires_at=func.now())
    await make(http)


async def test_an_owner_whose_key_has_expired_is_no_other_owner(http: httpx.AsyncClient, db: Database) -> None:
    other = await make(http, role="owner")
    await move(db, other["id"], expires_at=func.now())
    own = (await http.get("/v1/caller")).json()["key_id"]
    assert (await http.delete(f"/v1/keys/{own}")).json()["code"] == "last_owner_key"


# Networks


@pytest.mark.parametrize("networks", [["203.0.113.0/24"], ["2001:db8::/32", HERE]])
async def test_a_key_of_some_networks_is_refused_elsewhere_and_so_are_its_sessions(
    app: FastAPI, http: httpx.AsyncClient, networks: list[str]
) -> None:
    made = await make(http, networks=networks)
    async with at(app, HERE) as here, at(app, ELSEWHERE) as elsewhere, at(app, None) as unknown:
        session = (await here.post("/v1/session", headers=bearer(made["key"]))).json()["token"]
        for credential in (made["key"], session):
            assert await told(here, credential) == (200, "")
            assert await told(elsewhere, credential) == (403, "network_not_allowed")
            assert await told(unknown, credential) == (403, "network_not_allowed")
        refused = await elsewhere.post("/v1/session", headers=bearer(made["key"]))
        assert (refused.status_code, refused.json()["code"]) == (403, "network_not_allowed")
        free = await make(http)
        assert [await told(one, free["key"]) for one in (elsewhere, unknown)] == [(200, "")] * 2


async def test_what_is_sent_is_not_read_before_the_network_is_known(app: FastAPI, http: httpx.AsyncClient) -> None:
    made = await make(http, role="owner", networks=[HERE])
    async with at(app, ELSEWHERE) as elsewhere:
        answer = await elsewhere.post("/v1/keys", content=b"{", headers=bearer(made["key"]) | {"x": "y"})
    assert (answer.status_code, answer.json()["code"]) == (403, "network_not_allowed")


async def test_callers_are_told_the_address_that_is_seen(app: FastAPI, access_key: KeyMaker) -> None:
    key = await access_key(Role.VIEWER)
    for address, seen in ((HERE, HERE), ("::ffff:203.0.113.7", HERE), (None, None), ("testclient", None)):
        async with at(app, address) as client:
            assert (await client.get("/v1/caller", headers=key)).json()["address"] == seen


def at(app: FastAPI, address: str | None) -> httpx.AsyncClient:
    """A client at this address."""
    client: Any = (address, 5000) if address is not None else None
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app, client=client), base_url="http://upward.test")


# Replacing


async def test_a_key_is_replaced_by_one_like_it_and_both_are_taken_for_a_while(
    http: httpx.AsyncClient, db: Database
) -> None:
    old = await make(http, role="coordinator", label="Ana", valid_days=90, networks=["127.0.0.0/8"])
    headers = once({}, "r")
    answer = await http.post(f"/v1/keys/{old['id']}/rotate", headers=headers)
    again = await http.post(f"/v1/keys/{old['id']}/rotate", headers=headers)
    new = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/keys/{new['id']}")
    assert (again.json()["id"], again.json()["key"]) == (new["id"], None), "it is shown once"
    same = ("role", "label", "networks")
    assert [new[name] for name in same] == [old[name] for name in same]
    assert (new["replaces"], length(new)) == (old["id"], timedelta(days=90))
    assert [await told(http, one["key"]) for one in (old, new)] == [(200, "")] * 2
    found = await read(http, old["id"])
    assert (found["replaced_by"], found["expires_at"], found["state"]) == (new["id"], new["old_expires_at"], "valid")
    ends = datetime.fromisoformat(found["expires_at"]) - datetime.fromisoformat(new["created_at"])
    assert ends == timedelta(hours=24)
    await move(db, old["id"], expires_at=func.now())
    assert [await told(http, one["key"]) for one in (old, new)] == [(401, "access_key_expired"), (200, "")]


async def test_the_overlap_can_be_nothing_and_never_makes_the_old_key_live_longer(
    http: httpx.AsyncClient, db: Database
) -> None:
    gone, ending = await make(http), await make(http)
    assert (await rotate(http, gone["id"], overlap_hours=0)).status_code == 201
    assert await told(http, gone["key"]) == (401, "access_key_expired")
    await move(db, ending["id"], expires_at=NOW + timedelta(hours=1))
    new = (await rotate(http, ending["id"], overlap_hours=720, valid_days=10)).json()
    assert (datetime.fromisoformat(new["old_expires_at"]), length(new)) == (
        *(NOW + timedelta(hours=1), timedelta(days=10)),
    )


async def test_a_key_that_does_not_expire_is_replaced_by_one_that_lives_a_year(http: httpx.AsyncClient) -> None:
    own = (await http.get("/v1/caller")).json()["key_id"]
    new = (await rotate(http, own)).json()
    assert length(new) == timedelta(days=365)
    assert (await read(http, own))["expires_at"] == new["old_expires_at"]


async def test_what_is_revoked_has_expired_or_was_replaced_is_not_replaced(
    http: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    revoked, expired, replaced = [await make(http) for _ in range(3)]
    await http.delete(f"/v1/keys/{revoked['id']}")
    await move(db, expired["id"], expires_at=func.now())
    await rotate(http, replaced["id"])
    async with db.transaction() as session:
        await codes.issue_code(session, organization_id)
        of_codes = await session.scalar(select(AccessKey.id).where(AccessKey.label == "one-time sign-in"))
    answers = [(await rotate(http, str(one))).json()["code"] for one in (revoked["id"], expired["id"], of_codes)]
    assert answers == ["access_key_not_valid"] * 3
    assert (await rotate(http, replaced["id"])).json()["code"] == "access_key_replaced"


async def test_a_key_that_was_replaced_is_not_the_last_one_of_an_owner(http: httpx.AsyncClient) -> None:
    own = (await http.get("/v1/caller")).json()["key_id"]
    new = (await rotate(http, own)).json()
    refused = await http.delete(f"/v1/keys/{new['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "last_owner_key")
    assert (await http.delete(f"/v1/keys/{own}")).status_code == 204


async def test_replacing_makes_no_more_keys_than_an_organization_may_have(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await make(http)
    monkeypatch.setattr(keys, "MOST_KEYS", 2)
    assert (await rotate(http, made["id"])).json()["code"] == "too_many_keys"
    assert (await read(http, made["id"]))["replaced_by"] is None
    assert (await rotate(http, made["id"], overlap_hours=0)).status_code == 201


async def test_another_organization_s_key_is_not_replaced(
    http: httpx.AsyncClient, db: Database, access_key: KeyMaker
) -> None:
    other = uuid4()
    await add_organization(db, other)
    theirs = (await access_key(Role.OWNER, other))["authorization"].removeprefix("Bearer ")
    assert (await rotate(http, key_id_of(theirs) or "")).status_code == 404
    assert (await told(http, theirs))[0] == 200


# The command line


async def test_keys_are_made_listed_and_replaced_by_the_command_line(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upward.keys.commands.configure_logging", lambda *_: None)
    name = f"Keys {uuid4()}"

    async def run(*arguments: str) -> list[str]:
        """What the command prints besides its log."""
        call = ("keys", *arguments, "--organization", name)
        env = {"UPWARD_DATABASE_URL": settings.database_url}
        result = await asyncio.to_thread(CliRunner().invoke, command_line, call, env=env)
        assert result.exit_code == 0, result.output
        return [line for line in result.stdout.splitlines() if line.startswith(("upw_", "{"))]

    networks = ("--network", "10.0.0.0/8", "--network", "::1")
    (old,) = await run("create", "--label", "export", "--valid-days", "30", *networks)
    (new,) = await run("rotate", key_id_of(old) or "", "--overlap-hours", "0")
    (valid,) = [json.loads(line) for line in await run("list", "--state", "valid")]
    assert (valid["id"], valid["label"], valid["networks"]) == (key_id_of(new), "export", ["10.0.0.0/8", "::1/128"])
    listed = await run("list")
    assert [json.loads(line)["state"] for line in listed] == ["valid", "expired"]
    assert not any(key in line for key in (old, new) for line in listed)
    refused = await asyncio.to_thread(CliRunner().invoke, command_line, ["keys", "list", "--organization", name,
                                                                         "--state", "gone"])  # fmt: skip
    assert refused.exit_code == 2


# The last use


@pytest.fixture
async def stored_key(database: Database) -> AsyncIterator[str]:
    """A key that other connections see too."""
    async with database.transaction() as session:
        organization_id = await keys.find_or_create_organization(session, f"Uses {uuid4()}")
        key = await keys.create_access_key(session, organization_id, Role.VIEWER, "test")
    yield key
    async with database.transaction() as session:  # and its sessions
        await session.execute(delete(AccessKey).where(AccessKey.id == key_id_of(key)))


async def test_a_use_that_cannot_be_noted_neither_holds_up_nor_fails_a_request(
    database: Database, settings: Settings, stored_key: str
) -> None:
    """Somebody else holds the rows; and then Postgres takes no writes."""
    key = stored_key
    async with client_of(create_application([accounts.router], database, settings)) as http:
        token = (await http.post("/v1/session", headers=bearer(key))).json()["token"]
        await unused(database, key)
        async with database.transaction() as holder:
            await holder.execute(select(AccessKey).where(AccessKey.id == key_id_of(key)).with_for_update())
            await holder.execute(text("select 1 from accounts.session for update"))
            with capture_logs() as logs:
                assert [(await told(http, one))[0] for one in (key, token)] == [200, 200]
            assert [entry for entry in logs if entry["log_level"] == "warning"] == [], "nobody waited for the rows"
        assert await last_use(database, key) is None
        event.listen(database.engine.sync_engine, "before_cursor_execute", no_writes)
        try:
            with capture_logs() as logs:
                assert [(await told(http, one))[0] for one in (key, token)] == [200, 200]
        finally:
            event.remove(database.engine.sync_engine, "before_cursor_execute", no_writes)
        assert {entry["event"] for entry in logs if entry["log_level"] == "warning"} == {"afterwards.failed"}
        assert [(await told(http, one))[0] for one in (key, token)] == [200, 200]
        assert await last_use(database, key) is not None


async def unused(database: Database, key: str) -> None:
    async with database.transaction() as session:
        await session.execute(update(AccessKey).where(AccessKey.id == key_id_of(key)).values(last_used_at=None))
        await session.execute(text("update accounts.session set last_used_at = now() - interval '10 minutes'"))


async def last_use(database: Database, key: str) -> datetime | None:
    async with database.transaction() as session:
        return await session.scalar(select(AccessKey.last_used_at).where(AccessKey.id == key_id_of(key)))


def no_writes(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
    if statement.startswith("UPDATE"):
        raise OSError("no space left on device")
