"""The directory over HTTP: imports that happen whole or not at all, and reading people."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, select

from services.intake import main
from services.intake.api import upload
from services.intake.models import Person
from services.intake.store.people import everybody_asked
from shared.auth import Role
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person, staged
from tests.workbooks import workbook
from upward.sample import generate

Key = Callable[..., Awaitable[dict[str, str]]]
SAMPLE = (generate.FOLDER / "people.csv").read_bytes()
CASES = Path(__file__).parent.parent / "cases" / "imports"
HEADER = "id,name,email,manager,level\n"


@pytest.fixture
async def client(application: Callable[..., FastAPI], access_key: Key) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(main)) as client:
        client.headers.update(await access_key(Role.ADMIN))
        yield client


async def send(client: httpx.AsyncClient, text: str | bytes, toml: str | None = None, **params: Any) -> httpx.Response:
    data = text.encode() if isinstance(text, str) else text
    files = {"file": ("people.csv", data, "text/csv")}
    if toml is not None:
        files["columns"] = ("columns.toml", toml.encode(), "application/toml")
    return await client.post("/v1/people/import", files=files, params=params)


async def count(db: Database, organization_id: UUID) -> int:
    async with db.transaction() as session:
        return len((await session.scalars(select(Person.id).where(Person.organization_id == organization_id))).all())


async def test_the_sample_imports_once_and_then_changes_nothing(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    first = (await send(client, SAMPLE)).json()
    second = (await send(client, SAMPLE)).json()

    assert (first["created"], first["unchanged"], first["left_out"], first["notes"]) == (120, 0, [], [])
    assert (second["created"], second["changed"], second["unchanged"]) == (0, 0, 120)
    events = await staged(db, organization_id)
    assert [kind for kind, _ in events] == ["people.imported"] * 2
    assert events[0][1] == {"import_id": first["import_id"], "created": 120, "changed": 0, "skipped": 0}


async def test_an_import_takes_a_handful_of_statements_whatever_its_size(
    client: httpx.AsyncClient, db: Database
) -> None:
    await send(client, SAMPLE)
    statements: list[str] = []
    engine = db.engine.sync_engine

    def note(*args: Any) -> None:
        if "savepoint" not in args[2].lower():  # the transactions of this test are savepoints
            statements.append(args[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        changed = await send(client, SAMPLE.replace(b",Berlin,", b",Hamburg,"))
    finally:
        event.remove(engine, "before_cursor_execute", note)

    assert changed.json()["changed"] > 10
    assert len(statements) < 10


async def test_one_bad_row_and_nothing_is_imported(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    answer = await send(client, HEADER + "1,Ann Lee,ann@x.example,,2\n2,Bob Ray,secret-address,1,1\n")

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "import_invalid"
    [error] = problem["errors"]
    assert (error["line"], error["column"], error["code"]) == (3, "email", "not_an_address")
    assert error["reason"] == "This cell is not an e-mail address."
    assert problem["total"] == 1
    assert "secret-address" not in answer.text
    assert await count(db, organization_id) == 0
    assert await staged(db, organization_id) == []


async def test_skip_invalid_imports_the_rest_and_says_what_it_left_out(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    text = HEADER + "1,Ann Lee,ann@x.example,,3\n2,Bob Ray,nonsense,1,2\n3,Cy Orr,cy@x.example,2,1\n"
    report = (await send(client, text, skip_invalid=True)).json()

    assert report["created"] == 2
    assert [problem["line"] for problem in report["left_out"]] == [3]
    assert [note["line"] for note in report["notes"]] == [4]
    assert (await staged(db, organization_id))[0][1]["skipped"] == 1


async def test_people_change_leave_and_exchange_addresses(client: httpx.AsyncClient) -> None:
    header = "id,name,email,status\n"
    await send(client, header + "1,A A,a@x.example,\n2,B B,b@x.example,\n3,C C,c@x.example,\n4,D D,d@x.example,\n")
    report = (await send(client, header + "1,A A,b@x.example,\n2,B B,a@x.example,\n3,C C,,Resigned\n")).json()
    people = {found["external_id"]: found for found in (await client.get("/v1/people")).json()["items"]}

    assert (report["changed"], report["deactivated"], report["skipped_leavers"]) == (3, 1, 1)
    assert (people["1"]["email"], people["2"]["email"]) == ("b@x.example", "a@x.example")
    assert (people["3"]["active"], people["4"]["active"]) == (False, True)


async def test_a_mapping_travels_with_the_file(client: httpx.AsyncClient) -> None:
    export = (generate.FOLDER / "hris-export.csv").read_bytes()
    toml = (generate.FOLDER / "columns.toml").read_text()
    report = (await send(client, export, toml)).json()

    assert (report["created"], report["skipped_leavers"]) == (35, 5)


async def test_the_file_may_be_sent_alone(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/people/import", content=SAMPLE, headers={"content-type": "text/csv; charset=utf-8"})

    assert answer.json()["created"] == 120


async def test_organizations_do_not_see_each_others_people(
    client: httpx.AsyncClient, db: Database, access_key: Key
) -> None:
    other = uuid4()
    stranger = person("ann@x.example")
    await add_people(db, other, stranger)
    report = (await send(client, HEADER + "1,Ann Lee,ann@x.example,,2\n")).json()

    assert report["created"] == 1
    assert (await client.get(f"/v1/people/{stranger.id}")).status_code == 404
    assert stranger.id not in [found["id"] for found in (await client.get("/v1/people")).json()["items"]]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.COORDINATOR])
async def test_only_admins_import(client: httpx.AsyncClient, access_key: Key, role: Role) -> None:
    client.headers.update(await access_key(role))

    assert (await send(client, SAMPLE)).status_code == 403
    assert (await client.get("/v1/people")).status_code == 200


async def test_without_a_key_nothing_is_told(client: httpx.AsyncClient) -> None:
    client.headers.pop("authorization")

    for answer in (
        await send(client, SAMPLE),
        await client.get("/v1/people"),
        await client.get(f"/v1/people/{uuid4()}"),
    ):
        assert answer.status_code == 401


async def test_wrong_uploads_are_answered_with_what_to_do(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(answer: httpx.Response) -> tuple[int, str]:
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.status_code, answer.json()["code"]

    url = "/v1/people/import"
    assert await refused(await client.post(url, json={})) == (415, "unsupported_media_type")
    assert await refused(await client.post(url)) == (415, "unsupported_media_type")
    assert await refused(await client.post(url, files={"other": b"x"})) == (400, "file_missing")
    broken = {"content-type": "multipart/form-data"}
    assert await refused(await client.post(url, content=b"x", headers=broken)) == (400, "bad_form")
    many = [("file", b"name\n") for _ in range(5)]
    assert await refused(await client.post(url, files=many)) == (400, "bad_form")
    assert await refused(await send(client, b"")) == (422, "import_invalid")
    assert await refused(await send(client, "name,email\n")) == (422, "import_invalid")
    assert await refused(await send(client, SAMPLE, "nonsense")) == (422, "columns_invalid")
    assert await refused(await send(client, SAMPLE, '[columns]\nname = "Who"')) == (422, "import_invalid")
    assert await refused(await send(client, SAMPLE, skip_invalid="perhaps")) == (422, "invalid")
    monkeypatch.setattr(upload, "MAX_BYTES", 1000)
    assert await refused(await send(client, SAMPLE)) == (413, "file_too_large")
    plain = {"content-type": "text/csv"}
    assert await refused(await client.post(url, content=SAMPLE, headers=plain)) == (413, "file_too_large")


async def test_people_are_listed_by_page_and_department(client: httpx.AsyncClient) -> None:
    await send(client, SAMPLE)
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.get("/v1/people", params={"limit": 50} | ({"cursor": cursor} if cursor else {}))).json()
        found += [one["id"] for one in page["items"]]
        cursor = page["next"]

    assert found == sorted(set(found))
    assert len(found) == 120
    finance = (await client.get("/v1/people", params={"department": "finance", "limit": 200})).json()["items"]
    assert {one["department"] for one in finance} == {"Finance"}
    assert (await client.get("/v1/people", params={"active": False})).json()["items"] == []


async def test_names_are_read_for_many_ids_at_once(client: httpx.AsyncClient, access_key: Key) -> None:
    await send(client, SAMPLE)
    listed = (await client.get("/v1/people", params={"limit": 3})).json()["items"]
    asked = {"person_id": [one["id"] for one in listed] + [str(uuid4())]}
    answer = await client.get("/v1/people/names", params=asked)
    told = {one["id"]: one for one in answer.json()["items"]}
    assert told == {one["id"]: {name: one[name] for name in told[one["id"]]} for one in listed}
    assert {"name", "email", "job_title", "department"} < set(told[listed[0]["id"]])
    theirs = await client.get("/v1/people/names", params=asked, headers=await access_key(Role.OWNER, uuid4()))
    assert theirs.json() == {"items": []}
    assert (await client.get("/v1/people/names")).status_code == 422


async def test_one_person_is_read_with_what_the_directory_holds(client: httpx.AsyncClient) -> None:
    await send(client, SAMPLE)
    listed = (await client.get("/v1/people", params={"limit": 1})).json()["items"][0]

    assert (await client.get(f"/v1/people/{listed['id']}")).json() == listed


async def test_a_workbook_is_imported_as_a_form_and_alone(client: httpx.AsyncClient) -> None:
    data = workbook({"People": [["id", "name", "email"], [1, "Ann Lee", "ann@x.example"]]})
    alone = {"content-type": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}

    assert (await send(client, data)).json()["created"] == 1
    assert (await client.post("/v1/people/import", content=data, headers=alone)).json()["unchanged"] == 1


async def test_a_number_that_is_given_again_is_refused_until_the_mapping_says_whose_it_is(
    client: httpx.AsyncClient,
) -> None:
    for name in ("recycled-1", "recycled-2"):
        await send(client, (CASES / f"{name}.csv").read_bytes())
    data = (CASES / "recycled-3.csv").read_bytes()
    before = {one["name"]: one for one in (await client.get("/v1/people")).json()["items"]}
    refused = await send(client, data)
    assert (refused.status_code, refused.json()["errors"][0]["line"]) == (422, 3)
    assert before["Olaf Old"]["id"] in refused.json()["errors"][0]["reason"]

    report = (await send(client, data, '[identity]\nnew = ["17"]')).json()
    after = {one["name"]: one for one in (await client.get("/v1/people")).json()["items"]}
    assert (report["created"], report["changed"]) == (1, 1)
    assert after["Nina New"]["external_id"] == "17"
    assert after["Olaf Old"]["id"] == before["Olaf Old"]["id"]
    assert (after["Olaf Old"]["active"], after["Olaf Old"]["external_id"]) == (False, None)
    assert (await send(client, data)).json()["unchanged"] == 2


async def test_an_evil_mapping_is_a_problem_document(client: httpx.AsyncClient) -> None:
    for toml in ("a" + ".a" * 40_000 + " = 1", "a = " + "[" * 50_000, "a = " + "9" * 50_000):
        answer = await send(client, HEADER + "1,A A,a@x.example,,1\n", toml)
        assert (answer.status_code, answer.json()["code"]) == (422, "columns_invalid")


async def test_people_on_leave_are_active_and_not_asked_until_they_are_back(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    rows = "1,Ann Lee,ann@x.example,Active,\n2,Bob Ray,bob@x.example,Maternity leave,2150-01-01\n"
    rows += "3,Cy Orr,cy@x.example,On leave,\n4,Di Fox,di@x.example,Elternzeit,2020-01-01\n"
    header = "id,name,email,status,return date\n"
    report = (await send(client, header + rows)).json()
    people = {one["external_id"]: one for one in (await client.get("/v1/people")).json()["items"]}

    assert report["skipped_leavers"] == 0
    assert [people[number]["availability"] for number in "1234"] == ["available", "on_leave", "on_leave", "on_leave"]
    assert [people[number]["available_from"] for number in "1234"] == [None, "2150-01-01", None, "2020-01-01"]
    async with db.transaction() as session:
        asked = (await session.execute(everybody_asked(organization_id, uuid4()))).all()
    assert {str(person_id) for person_id, _ in asked} == {people["1"]["id"], people["4"]["id"]}

    back = (await send(client, header + rows.replace("On leave", "Active"))).json()
    assert (back["changed"], back["unchanged"]) == (1, 3)


async def test_wrong_reads_are_answered_clearly(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/v1/people/{uuid4()}")).json()["code"] == "person_not_found"
    assert (await client.get("/v1/people/nobody")).status_code == 422
    assert (await client.get("/v1/people", params={"cursor": "?"})).json()["code"] == "bad_cursor"
    assert (await client.get("/v1/people", params={"limit": 0})).status_code == 422
    assert (await client.get("/v1/people", params={"department": "\0"})).status_code == 422


async def test_people_are_read_by_their_ids(client: httpx.AsyncClient, db: Database, organization_id: UUID) -> None:
    people = [person(f"p{number}@example.org") for number in range(3)]
    await add_people(db, organization_id, *people)
    wanted = sorted(str(one.id) for one in people[:2])
    answer = await client.get("/v1/people", params={"id": [*wanted, str(uuid4())]})
    assert [one["id"] for one in answer.json()["items"]] == wanted
