"""One person of the directory is added and changed by hand, by the rules of an import."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.intake import main
from shared.auth import Role
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person, staged

Key = Callable[..., Awaitable[dict[str, str]]]
ADA: dict[str, Any] = {"name": "Ada Stone", "email": "Ada@Example.com", "level": 3}


@pytest.fixture
async def client(application: Callable[..., FastAPI], access_key: Key) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(main)) as client:
        client.headers.update(await access_key(Role.ADMIN))
        yield client


async def add(client: httpx.AsyncClient, **values: Any) -> httpx.Response:
    return await client.post("/v1/people", json=ADA | values, headers={"idempotency-key": str(uuid4())})


async def change(client: httpx.AsyncClient, made: httpx.Response, **values: Any) -> httpx.Response:
    headers = {"if-match": made.headers["etag"]}
    return await client.put(f"/v1/people/{made.json()['id']}", json=ADA | values, headers=headers)


async def test_a_person_is_added_by_the_rules_of_an_import(client: httpx.AsyncClient) -> None:
    made = await add(client, name="Stone, Ada", time_zone="europe/berlin", language="de-CH", hired_on="2020-03-01")
    assert made.status_code == 201
    kept = made.json()
    assert (kept["email"], kept["given_name"], kept["family_name"]) == ("ada@example.com", "Ada", "Stone")
    assert (kept["time_zone"], kept["language"], kept["language_known"]) == ("Europe/Berlin", "de", True)
    assert (await client.get(made.headers["location"])).headers["etag"] == made.headers["etag"]
    assert not (await add(client, email="b@x.example")).json()["language_known"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("name", "  "),
        ("time_zone", "Mars/Base"),
        ("language", "the language of birds"),
        ("level", 0),
        ("hired_on", "1666-01-01"),
        ("department", "Sales\nTeam"),
        ("manager_id", "00000000-0000-4000-8000-000000000000"),
        ("unknown", 1),
    ],
)
async def test_what_an_import_would_refuse_is_refused(client: httpx.AsyncClient, field: str, value: Any) -> None:
    refused = await add(client, **{field: value})
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [f"body.{field}"]


async def test_an_address_and_an_id_belong_to_one_person(client: httpx.AsyncClient) -> None:
    await add(client, external_id="17")
    refused = await add(client, external_id="17")
    assert {error["field"] for error in refused.json()["errors"]} == {"body.email", "body.external_id"}


async def test_the_second_of_two_admins_reads_what_has_changed(client: httpx.AsyncClient) -> None:
    made = await add(client)
    assert (await change(client, made, department="Sales", level=4)).status_code == 200
    late = await change(client, made, job_title="Clerk")
    assert (late.status_code, late.json()["changed"]) == (412, ["department", "level"])
    unread = await client.put(f"/v1/people/{made.json()['id']}", json=ADA)
    assert unread.status_code == 428


async def test_who_leaves_and_returns_by_hand_is_an_event(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    made = await add(client)
    left = await change(client, made, active=False)
    assert (await change(client, left, active=True)).json()["active"]
    events = await staged(db, organization_id)
    assert [kind for kind, _ in events] == ["person.left", "person.returned"]
    assert {data["person_id"] for _, data in events} == {made.json()["id"]}


async def test_no_reporting_line_goes_round(client: httpx.AsyncClient) -> None:
    top = await add(client)
    below = await add(client, email="b@x.example", manager_id=top.json()["id"])
    for manager in (below, top):
        refused = await change(client, top, manager_id=manager.json()["id"])
        assert [error["field"] for error in refused.json()["errors"]] == ["body.manager_id"]


async def test_departments_and_locations_are_counted(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    await add_people(db, organization_id, person("a@x.example"), person("b@x.example", active=False))
    await add_people(db, uuid4(), person("c@x.example"))
    found = (await client.get("/v1/people/values")).json()
    assert found["departments"] == [{"value": "IT", "active": 1, "people": 2}]
    assert (found["locations"][0]["value"], found["people"], found["active"]) == ("Rome", 2, 1)
    assert (await client.get("/v1/people", params={"location": "rome"})).json()["total"] == 2
    assert (await client.get("/v1/people", params={"location": "paris", "sort": "-location"})).json()["total"] == 0


async def test_another_organization_has_no_such_person(client: httpx.AsyncClient, access_key: Key) -> None:
    made = await add(client)
    other = await access_key(Role.OWNER, uuid4())
    path, etag = f"/v1/people/{made.json()['id']}", made.headers["etag"]
    assert (await client.put(path, json=ADA, headers=other | {"if-match": etag})).status_code == 404
    assert (await client.get(f"{path}/enrolments", headers=other)).status_code == 404
    assert (await client.get(f"{path}/enrolments")).json() == {"items": [], "links": 0}
