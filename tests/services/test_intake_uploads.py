"""An import in steps: a file is kept, looked at, tried and applied as it was shown."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from services.intake import main
from services.intake.api.imports import READING
from services.intake.models import ImportUpload
from services.intake.retention import purge_soon
from shared.auth import Role
from shared.config import Settings
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person
from tests.workbooks import workbook
from upward.process import run_relay
from upward.purging import keep_purging

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
    said = {"line": 3, "column": "Rang", "reason": level, "code": "not_a_level"}
    assert preview["refused_rows"] == [said | {"name": "Bob Ray", "email": "bob@x.example", "people": []}]
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


async def test_the_relay_deletes_what_nobody_applied_within_the_hour(
    client: httpx.AsyncClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, fresh = [(await send(client))["id"] for _ in range(2)]
    async with db.transaction() as session:
        over = datetime.now(UTC) - timedelta(seconds=1)
        await session.execute(update(ImportUpload).where(ImportUpload.id == late).values(expires_at=over))
    stop = asyncio.Event()

    async def purge_once(database: Database) -> int:
        stop.set()
        return await purge_soon(database)

    async def nothing_else(*_: Any) -> dict[str, int]:
        return {}

    monkeypatch.setattr("services.intake.retention.purge_soon", purge_once)
    monkeypatch.setattr("upward.purging.purge_all", nothing_else)
    monkeypatch.setattr("services.events.worker.create_relay", lambda **_: SimpleNamespace(run=asyncio.Event.wait))
    resources: Any = SimpleNamespace(database=db, temporal=None, settings=Settings())
    await run_relay(resources, stop)
    async with db.transaction() as session:
        assert (await session.scalars(select(ImportUpload.id))).all() == [UUID(fresh)]


async def test_purging_outlives_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    stop, tries = asyncio.Event(), 0

    async def fail(database: Database) -> int:
        nonlocal tries
        tries += 1
        if tries == 2:
            stop.set()
        raise OSError

    async def nothing_else(*_: Any) -> dict[str, int]:
        return {}

    monkeypatch.setattr("services.intake.retention.purge_soon", fail)
    monkeypatch.setattr("upward.purging.purge_all", nothing_else)
    monkeypatch.setattr("upward.purging.SOON_SECONDS", 0)
    nothing: Any = None
    await keep_purging(nothing, Settings(), stop)
    assert tries == 2


async def test_a_nightly_import_sets_its_own_limit_for_those_who_leave(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    await add_people(db, organization_id, *(person(f"p{number}@x.example") for number in range(10)))
    file = b"name,email,status\nP Eight,p8@x.example,Terminated\nP One,p1@x.example,Left\n"
    headers = {"content-type": "text/csv"}
    refused = await client.post("/v1/people/import?most_leaving_percent=19", headers=headers, content=file)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_leaving")
    assert (refused.json()["leaving"], refused.json()["active"]) == (2, 10)
    assert (await client.get("/v1/people?active=false")).json()["total"] == 0
    done = await client.post("/v1/people/import?most_leaving_percent=20", headers=headers, content=file)
    assert done.json()["deactivated"] == 2


async def test_the_sheet_with_the_people_is_found_and_another_one_or_another_header_is_chosen(
    client: httpx.AsyncClient,
) -> None:
    people = [["Export of May"], ["Name", "E-mail"], ["Ann Lee", "ann@x.example"], ["Bob Ray", "bob@x.example"]]
    sent = await send(client, workbook({"Cover": [["Nothing here"]], "Old": people[1:3], "New": people}))
    assert (sent["look"]["sheets"], sent["look"]["sheet"]) == (["Cover", "Old", "New"], "Old")
    path = f"{UPLOADS}/{sent['id']}/column-map"
    look = (await client.put(path, json={"table": {"sheet": "New"}})).json()["look"]
    assert (look["sheet"], look["header_line"], look["rows"]) == ("New", 2, 2)
    assert look["first_lines"][:2] == [
        {"line": 1, "cells": ["Export of May"]},
        {"line": 2, "cells": ["Name", "E-mail"]},
    ]
    wrong = await client.put(path, json={"table": {"sheet": "Gone"}})
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (422, "sheet_missing")
    assert (await client.get(path.removesuffix("/column-map"))).json()["look"]["sheet"] == "New"
    moved = (await client.put(path, json={"table": {"sheet": "New", "header_line": 3}})).json()["look"]
    assert [column["header"] for column in moved["columns"]] == ["Ann Lee", "ann@x.example"]
    assert moved["first_lines"] == look["first_lines"]


async def test_one_answer_holds_for_all_doubtful_rows_but_makes_no_identifier_of_row_numbers(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    """Somebody else has got the number of Olaf."""
    olaf = person("olaf@x.example")._replace(external_id="17", name="Olaf Old", given_name="Olaf", family_name="Old")
    await add_people(db, organization_id, olaf)
    sent = await send(client, b"id,name,email,level\n17,Nina New,nina@x.example,2\n")
    path = f"{UPLOADS}/{sent['id']}/preview"
    refused = (await client.post(path)).json()["refused_rows"]
    assert [(row["code"], row["name"], row["people"][0]["name"]) for row in refused] == [
        ("id_of_another", "Nina New", "Olaf Old")
    ]
    new = (await client.post(path, json={"identity": {"others": "new"}})).json()
    assert (new["created"], new["refused"], new["changed_people"][0]["name"]) == (1, 0, "Olaf Old")
    same = (await client.post(path, json={"identity": {"others": "same", "new": ["line 3"]}})).json()
    assert (same["created"], same["changed"]) == (0, 1)
    numbered = [person(f"n{n}@x.example")._replace(external_id=str(n), name=f"Old {'abc'[n]}x Y") for n in range(3)]
    await add_people(db, organization_id, *numbered)
    rows = "".join(f"{n},Zed{n} Zero{n},z{n}@x.example,2\n" for n in range(3)).encode()
    sent = await send(client, b"id,name,email,level\n" + rows)
    whole = await client.post(f"{UPLOADS}/{sent['id']}/preview", json={"identity": {"others": "same"}})
    assert (whole.status_code, whole.json()["errors"][0]["code"]) == (422, "no_identifier")


async def test_what_cannot_be_read_is_not_kept(client: httpx.AsyncClient, db: Database) -> None:
    answer = await client.post(UPLOADS, content=b"", headers={"content-type": "text/csv"})
    assert (answer.status_code, answer.json()["code"]) == (422, "import_invalid")
    async with db.transaction() as session:
        assert (await session.scalars(select(ImportUpload.id))).all() == []
