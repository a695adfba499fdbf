"""An import in steps: a file is kept, looked at, tried and applied as it was shown."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from services.intake import main
from services.intake.api.imports import READING
from services.intake.models import ImportUpload
from shared.auth import Role
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person

Key = Callable[..., Awaitable[dict[str, str]]]
UPLOADS = "/v1/people/import/uploads"
OWN_NAMES = b"Wer,Wohin,Rang\nAnn Lee,ann@x.example,3\nBob Ray,bob@x.example,x\n"
MAPPING: dict[str, Any] = {"columns": {"name": "Wer", "email": "Wohin", "level": "Rang"}}


@pytest.fixture
async def client(application: Callable[..., FastAPI], access_key: Key) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(main)) as client:
        client.headers.update(await access_key(Role.ADMIN))
        yield client


async def send(client: httpx.AsyncClient, file: bytes = OWN_NAMES) -> dict[str, Any]:
    answer = await client.post(UPLOADS, content=file, headers={"content-type": "text/csv"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_columns_with_own_names_are_shown_with_examples_named_tried_and_remembered(
    client: httpx.AsyncClient, db: Database
) -> None:
    sent = await send(client)
    path = f"{UPLOADS}/{sent['id']}"
    assert [(one["header"], one["field"], one["examples"]) for one in sent["look"]["columns"]][:2] == [
        ("Wer", None, ["Ann Lee", "Bob Ray"]),
        ("Wohin", None, ["ann@x.example", "bob@x.example"]),
    ]
    assert (await client.post(f"{path}/preview")).json()["code"] == "import_invalid"
    preview = (await client.post(f"{path}/preview", json=MAPPING)).json()
    assert (preview["created"], preview["refused"]) == (1, 1)
    assert preview["new_people"][0]["name"] == "Ann Lee"
    level = "This cell is not a level; write a whole number from 1 to 100, higher for more senior."
    assert preview["refused_rows"] == [{"line": 3, "column": "Rang", "reason": level, "code": "not_a_level"}]
    assert (await client.post(f"{path}/apply", json={})).status_code == 422
    done = await client.post(f"{path}/apply", json={"skip_invalid": True})
    assert done.json()["created"] == 1
    assert (await client.post(f"{path}/apply", json={"skip_invalid": True})).json() == done.json()
    async with db.transaction() as session:
        assert (await session.scalars(select(ImportUpload.file))).all() == [None]
    again = await send(client)
    assert [one["field"] for one in again["look"]["columns"]] == ["name", "email", "level"]


async def test_differences_are_told_field_by_field(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    ann = person("ann@x.example")
    await add_people(db, organization_id, ann, *(person(f"p{number}@x.example") for number in range(9)))
    file = b"name,email,department,status\nAnn Example,ann@x.example,Sales,Active\nP Eight,p8@x.example,IT,Terminated\n"
    path = f"{UPLOADS}/{(await send(client, file))['id']}/preview"
    preview = (await client.post(path)).json()
    assert preview["changed_people"][0]["changes"] == [{"field": "department", "before": "IT", "after": "Sales"}]
    assert (preview["leaving"], preview["leaving_people"][0]["email"]) == (1, "p8@x.example")
    assert not preview["must_confirm"]


async def test_more_than_a_tenth_leaves_only_if_somebody_names_the_number(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    await add_people(db, organization_id, *(person(f"p{number}@x.example") for number in range(9)))
    file = b"name,email,status\nP Eight,p8@x.example,Terminated\n"
    path = f"{UPLOADS}/{(await send(client, file))['id']}"
    assert (await client.post(f"{path}/preview")).json()["must_confirm"]
    for wrong in ({}, {"confirm_leaving": 2}):
        refused = await client.post(f"{path}/apply", json=wrong)
        assert (refused.status_code, refused.json()["code"]) == (409, "too_many_leaving")
        assert (refused.json()["leaving"], refused.json()["active"]) == (1, 9)
    assert (await client.post(f"{path}/apply", json={"confirm_leaving": 1})).json()["deactivated"] == 1


async def test_nothing_is_applied_that_nobody_has_seen(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    sent = await send(client, b"name,email\nAnn Lee,ann@x.example\n")
    path = f"{UPLOADS}/{sent['id']}"
    unseen = await client.post(f"{path}/apply", json={})
    assert (unseen.status_code, unseen.json()["code"]) == (409, "preview_outdated")
    await client.post(f"{path}/preview")
    await add_people(db, organization_id, person("ann@x.example")._replace(name="Ann Lee", given_name="Ann"))
    outdated = await client.post(f"{path}/apply", json={})
    assert (outdated.status_code, outdated.json()["code"]) == (409, "preview_outdated")


async def test_what_another_preview_showed_meanwhile_is_not_applied(client: httpx.AsyncClient) -> None:
    """Two admins look at one file, and one of them takes another column for the department."""
    sent = await send(client, b"name,email,a,b\nAnn Lee,ann@x.example,Sales,IT\n")
    path = f"{UPLOADS}/{sent['id']}"
    seen = (await client.post(f"{path}/preview", json={"columns": {"department": "a"}})).json()["fingerprint"]
    await client.post(f"{path}/preview", json={"columns": {"department": "b"}})
    refused = await client.post(f"{path}/apply", json={"fingerprint": seen})
    assert (refused.status_code, refused.json()["code"]) == (409, "preview_outdated")
    again = (await client.post(f"{path}/preview", json={"columns": {"department": "a"}})).json()["fingerprint"]
    assert again == seen
    assert (await client.post(f"{path}/apply", json={"fingerprint": again})).json()["created"] == 1


async def test_another_manager_is_another_import(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    """Of somebody who is new and of somebody who changes anyway."""
    ann, bob, cy = (person(f"{name}@x.example")._replace(external_id=name) for name in ("ann", "bob", "cy"))
    await add_people(db, organization_id, ann, bob, cy)
    shown = set()
    for manager, new_manager in (("ann", "ann"), ("bob", "ann"), ("ann", "bob"), ("ann", "new")):
        file = (
            "employee_id,name,email,department,manager_id\n"
            f"cy,Cy Example,cy@x.example,Elsewhere,{manager}\n"
            f"dee,Dee Lee,dee@x.example,IT,{new_manager}\nnew,New One,new@x.example,IT,ann\n"
        ).encode()
        preview = (await client.post(f"{UPLOADS}/{(await send(client, file))['id']}/preview")).json()
        assert (preview["created"], preview["changed"], preview["refused"]) == (2, 1, 0), preview
        shown.add(preview["fingerprint"])
    assert len(shown) == 4


@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("POST", "/preview"), ("POST", "/apply")])
async def test_an_organization_has_few_files_read_at_once_whatever_their_ids(
    client: httpx.AsyncClient, organization_id: UUID, application: Callable[..., FastAPI], method: str, end: str
) -> None:
    """Each of these holds a file of up to 20 MB, and works on it in one of the two threads of all organizations."""
    taken: Counter[tuple[UUID, str]] = application(main).state.uploads
    taken[organization_id, READING.work] += 4
    path = f"{UPLOADS}/{uuid4()}{end}"
    busy = await client.request(method, path, json={} if end == "/apply" else None)
    assert (busy.status_code, busy.json()["code"]) == (429, "too_many_uploads")
    assert int(busy.headers["retry-after"]) > 0
    taken[organization_id, READING.work] -= 4
    assert (await client.request(method, path, json={} if end == "/apply" else None)).status_code == 404


async def test_a_file_is_kept_for_an_hour_and_for_its_organization(
    client: httpx.AsyncClient, db: Database, access_key: Key
) -> None:
    path = f"{UPLOADS}/{(await send(client))['id']}"
    stranger = await access_key(Role.OWNER, uuid4())
    assert (await client.get(path, headers=stranger)).status_code == 404
    assert (await client.get(path)).status_code == 200
    async with db.transaction() as session:
        await session.execute(update(ImportUpload).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert (await client.get(path)).status_code == 404
    for _ in range(7):
        await send(client)
    async with db.transaction() as session:
        assert len((await session.scalars(select(ImportUpload.id))).all()) == 5


async def test_what_cannot_be_read_is_not_kept(client: httpx.AsyncClient, db: Database) -> None:
    answer = await client.post(UPLOADS, content=b"", headers={"content-type": "text/csv"})
    assert (answer.status_code, answer.json()["code"]) == (422, "import_invalid")
    async with db.transaction() as session:
        assert (await session.scalars(select(ImportUpload.id))).all() == []
