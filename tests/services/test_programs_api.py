"""Organizations and programs over HTTP, on real Postgres."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.programs import main
from shared.auth import Role
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.programs_examples import PROGRAM, add_organization, once, staged

Headers = dict[str, str]
KeyMaker = Callable[..., Awaitable[Headers]]


@pytest.fixture
async def http(
    db: Database, application: Callable[..., FastAPI], organization_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    async with client_of(application(main)) as client:
        yield client


@pytest.fixture
async def admin(access_key: KeyMaker) -> Headers:
    return await access_key(Role.ADMIN)


async def test_a_program_is_created_with_its_address_and_etag(http: httpx.AsyncClient, admin: Headers) -> None:
    answer = await http.post("/v1/programs", json=dict(PROGRAM), headers=once(admin))
    assert answer.status_code == 201, answer.text
    program = answer.json()
    assert answer.headers["location"] == f"/v1/programs/{program['id']}"
    assert answer.headers["etag"] == '"1"'
    assert program["calendar"]["check_in_every"] == "PT5S"
    read = await http.get(answer.headers["location"], headers=admin)
    assert (read.json(), read.headers["etag"]) == (program, '"1"')


async def test_the_same_key_creates_one_program(http: httpx.AsyncClient, admin: Headers) -> None:
    headers = once(admin)
    first = await http.post("/v1/programs", json=dict(PROGRAM), headers=headers)
    again = await http.post("/v1/programs", json=dict(PROGRAM), headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["location"] == first.headers["location"]
    other = await http.post("/v1/programs", json=dict(PROGRAM) | {"name": "Other"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len((await http.get("/v1/programs", headers=admin)).json()["items"]) == 1


async def test_creating_needs_an_idempotency_key(http: httpx.AsyncClient, admin: Headers) -> None:
    answer = await http.post("/v1/programs", json=dict(PROGRAM), headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " \t"}, "body.name"),
        ({"name": "a\x00"}, "body.name"),
        ({"direction": "upward"}, "body.direction"),
        ({"time_zone": "Mars/Olympus"}, "body.time_zone"),
        ({"language": "tlh"}, "body.language"),
        ({"language": "de-CH"}, "body.language"),
        ({"unknown": 1}, "body.unknown"),
        ({"calendar": {"survey": {"length": "P1D", "x": 1}}}, "body.calendar.survey.x"),
        ({"calendar": {"survey": {"length": "P99999999999D"}}}, "body.calendar.survey.length"),
        ({"calendar": {"survey": {"length": "P9999D"}}}, "body.calendar.survey.length"),
        ({"calendar": {"survey": {"length": "-P1D"}}}, "body.calendar.survey.length"),
        ({"calendar": {"sending_hours": {"start": "08:00Z"}}}, "body.calendar.sending_hours"),
        ({"topics": [{"code": "ai", "label": "a\x00"}]}, "body.topics.0"),
        ({"topics": [{"code": "ai", "label": "AI"}, {"code": "ai", "label": "B"}]}, "body.topics"),
        ({"coordinator_ids": ["x"]}, "body.coordinator_ids.0"),
        ({"sponsor_id": 1}, "body.sponsor_id"),
    ],
)
async def test_wrong_input_names_the_field(
    http: httpx.AsyncClient, admin: Headers, wrong: dict[str, Any], field: str
) -> None:
    created = (await http.post("/v1/programs", json=dict(PROGRAM), headers=once(admin))).json()
    for answer in (
        await http.post("/v1/programs", json=dict(PROGRAM) | wrong, headers=once(admin)),
        await http.put(
            f"/v1/programs/{created['id']}", json=dict(PROGRAM) | wrong, headers={**admin, "if-match": '"1"'}
        ),
    ):
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert field in {error["field"] for error in answer.json()["errors"]}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"name": NaN}', b"\xff"])
async def test_a_body_that_is_no_program_is_a_clear_failure(
    http: httpx.AsyncClient, admin: Headers, body: bytes
) -> None:
    headers = once(admin) | {"content-type": "application/json"}
    answer = await http.post("/v1/programs", content=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_edit_needs_the_current_etag(http: httpx.AsyncClient, admin: Headers) -> None:
    created = (await http.post("/v1/programs", json=dict(PROGRAM), headers=once(admin))).json()
    path, changed = f"/v1/programs/{created['id']}", dict(PROGRAM) | {"name": "New name"}
    missing = await http.put(path, json=changed, headers=admin)
    assert (missing.status_code, missing.json()["code"]) == (428, "if_match_required")
    edited = await http.put(path, json=changed, headers={**admin, "if-match": '"1"'})
    assert (edited.status_code, edited.json()["name"], edited.headers["etag"]) == (200, "New name", '"2"')
    stale = await http.put(path, json=dict(PROGRAM), headers={**admin, "if-match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    assert (stale.json()["changed"], stale.json()["etag"]) == (["name"], '"2"')
    same = await http.put(path, json=changed, headers={**admin, "if-match": '"2"'})
    assert (same.status_code, same.headers["etag"]) == (200, '"2"')
    assert (await http.get(path, headers=admin)).json()["name"] == "New name"


async def test_a_changed_schedule_is_told_and_nothing_else(
    http: httpx.AsyncClient, admin: Headers, db: Database, organization_id: UUID
) -> None:
    created = (await http.post("/v1/programs", json=dict(PROGRAM), headers=once(admin))).json()
    version = 1

    async def edit(**fields: Any) -> int:
        nonlocal version
        headers = {**admin, "if-match": f'"{version}"'}
        answer = await http.put(f"/v1/programs/{created['id']}", json=dict(PROGRAM) | fields, headers=headers)
        assert answer.status_code == 200, answer.text
        version = answer.json()["version"]
        return len(await staged(db, organization_id))

    assert await edit(time_zone="Asia/Tokyo") == 0
    assert await edit(recurs=True) == 1
    assert await edit(recurs=True, name="Renamed") == 1
    assert await edit(recurs=True, time_zone="UTC") == 2
    assert await edit(recurs=False) == 3
    assert {kind for kind, _ in await staged(db, organization_id)} == {"program.schedule_changed"}


async def test_a_program_that_recurs_says_so_from_the_start(
    http: httpx.AsyncClient, admin: Headers, db: Database, organization_id: UUID
) -> None:
    answer = await http.post("/v1/programs", json=dict(PROGRAM) | {"recurs": True}, headers=once(admin))
    program = answer.json()
    assert program["next_recurrence_at"].split("T")[1].startswith("09:00:00")
    assert await staged(db, organization_id) == [("program.schedule_changed", {"program_id": program["id"]})]


async def test_lists_page_by_cursor_oldest_first(http: httpx.AsyncClient, admin: Headers) -> None:
    made = [(await http.post("/v1/programs", json=dict(PROGRAM), headers=once(admin))).json()["id"] for _ in range(5)]
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await http.get("/v1/programs", params={"limit": "2", **cursor}, headers=admin)).json()
        found += [item["id"] for item in page["items"]]
        assert len(page["items"]) <= 2
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert sorted(found) == sorted(made)
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"cursor": "zzz"}, 400),
        ({"cursor": "AAAAAAAAAAAAAAAAAAAAAA"}, 400),
        ({"cursor": "é"}, 400),
        ({"limit": "0"}, 422),
    ],
)
async def test_a_wrong_cursor_or_limit_is_refused(
    http: httpx.AsyncClient, admin: Headers, params: dict[str, str], status: int
) -> None:
    answer = await http.get("/v1/programs", params=params, headers=admin)
    assert answer.status_code == status, answer.text


async def test_another_organizations_program_does_not_exist(http: httpx.AsyncClient, access_key: KeyMaker) -> None:
    admin, stranger = await access_key(Role.ADMIN), await access_key(Role.OWNER, uuid4())
    created = (await http.post("/v1/programs", json=dict(PROGRAM), headers=once(admin))).json()
    path = f"/v1/programs/{created['id']}"
    assert (await http.get(path, headers=stranger)).status_code == 404
    change = await http.put(path, json=dict(PROGRAM), headers={**stranger, "if-match": "*"})
    assert (change.status_code, change.json()["code"]) == (404, "program_not_found")
    assert (await http.get(f"{path}/cycles", headers=stranger)).status_code == 404
    assert (await http.get("/v1/programs", headers=stranger)).json()["items"] == []


async def test_who_may_what(http: httpx.AsyncClient, access_key: KeyMaker) -> None:
    viewer, coordinator = await access_key(Role.VIEWER), await access_key(Role.COORDINATOR)
    assert (await http.get("/v1/programs", headers=viewer)).status_code == 200
    assert (await http.get("/v1/programs")).status_code == 401
    assert (await http.get("/v1/programs/not-an-id", headers=viewer)).status_code == 422
    for headers in (viewer, coordinator):
        refused = await http.post("/v1/programs", json=dict(PROGRAM), headers=once(headers))
        assert (refused.status_code, refused.json()["code"]) == (403, "role_too_low")
        edit = await http.put(f"/v1/programs/{uuid4()}", json=dict(PROGRAM), headers={**headers, "if-match": "*"})
        assert edit.status_code == 403
