"""Organizations write the words of messages themselves: by the API, for one program or all, and only for themselves."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete

from services.accounts import main as accounts
from services.notifications import main
from services.notifications.activities import Activities
from services.notifications.models import WordingRow
from services.notifications.rules.wording import Wording
from services.notifications.store.wordings import Place, save_wording
from services.programs import main as programs
from shared.auth import Role
from shared.contracts.notifications import Template
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.notifications.conftest import deliver, prepare
from tests.services.notifications.world import Post, World
from tests.services.programs_examples import PROGRAM, add_organization, once

Keys = Callable[..., Awaitable[dict[str, str]]]
KICKOFF = "/v1/wordings/kickoff/de"
OWN = {"subject": "Los geht es: {program}", "body": "Liebe {given_name},\r\n\r\n\r\nes geht los."}


@pytest.fixture
async def client(
    application: Callable[..., FastAPI], access_key: Keys, db: Database, organization_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    async with client_of(application(main, accounts, programs)) as client:
        client.headers.update(await access_key(Role.ADMIN))
        yield client


async def write(client: httpx.AsyncClient, path: str = KICKOFF, **change: Any) -> httpx.Response:
    sent: dict[str, Any] = {"headers": {"if-match": "*"}} | change.pop("request", {})
    return await client.put(path, json=OWN | change, **sent)


async def add_program(client: httpx.AsyncClient, headers: dict[str, str] | None = None) -> str:
    made = await client.post("/v1/programs", headers=once(headers or {}), json=dict(PROGRAM))
    return str(made.json()["id"])


async def test_words_are_written_previewed_and_reset(client: httpx.AsyncClient) -> None:
    ours = await client.get(KICKOFF)
    assert (ours.headers["etag"], ours.json()["source"], ours.json()["changed"]) == ('"0"', "upward", False)
    assert (
        ours.json()["subject"] == "{program}: Es geht los! Lernen Sie die anderen kennen"
        or "{program}" in (ours.json()["subject"])
    )
    assert {"name": "program", "meaning": "The name of the program", "example": "Digital Upward"} in (
        ours.json()["placeholders"]
    )
    written = await write(client, request={"headers": {"if-match": '"0"'}})
    assert (written.status_code, written.headers["etag"]) == (200, '"1"')
    stored = written.json()
    assert (stored["body"], stored["source"]) == ("Liebe {given_name},\n\nes geht los.", "organization")
    assert stored["otherwise"] == {name: ours.json()[name] for name in ("subject", "body", "source")}
    [line] = [one for one in (await client.get("/v1/wordings")).json()["items"] if one["changed"]]
    assert (line["template"], line["readers"]) == ("kickoff", "participants")
    assert [(one["language"], one["source"]) for one in line["changed"]] == [("de", "organization")]
    for language, subject in (("de", "Los geht es: Digital Upward"), ("en", "Digital Upward: it starts! Meet your me")):
        params = {"template": "kickoff", "language": language}
        [shown] = (await client.get("/v1/messages/preview", params=params)).json()["items"]
        assert shown["subject"].startswith(subject)
    reset = await client.delete(KICKOFF, headers={"if-match": '"1"'})
    assert (reset.status_code, reset.headers["etag"]) == (200, '"2"')
    assert {**reset.json(), "version": 0, "updated_at": None} == ours.json()


async def test_a_preview_stores_nothing(client: httpx.AsyncClient) -> None:
    trial = OWN | {"template": "kickoff", "language": "de"}
    shown = (await client.post("/v1/wordings/preview", json=trial)).json()
    assert shown["subject"] == "Los geht es: Digital Upward"
    assert "Liebe Ana,\n\nes geht los." in shown["text"]
    assert "lea.stern@example.com" in shown["text"]
    assert (await client.get(KICKOFF)).json()["version"] == 0


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"body": "{program.__class__}"}, "body.body", "unknown_placeholder"),
        ({"subject": "{salary}"}, "body.subject", "unknown_placeholder"),
        ({"body": "a { b"}, "body.body", "lone_brace"),
        ({"subject": "a\r\nBcc: all@acme.example"}, "body.subject", "invalid"),
        ({"subject": "x" * 201}, "body.subject", "invalid"),
        ({"subject": " "}, "body.subject", "invalid"),
        ({"body": "x" * 4001}, "body.body", "invalid"),
        ({"body": "\n \n"}, "body.body", "invalid"),
        ({"body": "a\u202eb"}, "body.body", "invalid"),
    ],
)
async def test_words_that_cannot_be_sent_are_refused_and_name_their_field(
    client: httpx.AsyncClient, change: dict[str, str], field: str, code: str
) -> None:
    trial = OWN | {"template": "kickoff", "language": "de"} | change
    for answer in (await write(client, **change), await client.post("/v1/wordings/preview", json=trial)):
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await client.get(KICKOFF)).json()["version"] == 0


async def test_messages_that_are_always_ours_have_no_words_to_write(client: httpx.AsyncClient) -> None:
    path = "/v1/wordings/endpoint_failing/en"
    trial = OWN | {"template": "endpoint_failing", "language": "en"}
    answers = [
        await client.get(path),
        await write(client, path),
        await client.delete(path, headers={"if-match": "*"}),
        await client.post("/v1/wordings/preview", json=trial),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "no_wording")] * 4


async def test_a_second_admin_is_told_what_changed_also_after_a_reset(client: httpx.AsyncClient) -> None:
    old = {"headers": {"if-match": '"0"'}}
    await write(client, request=old)
    late = await write(client, subject="Anders", request=old)
    assert (late.status_code, late.json()["code"], late.json()["changed"]) == (
        412,
        "stale_version",
        ["body", "subject"],
    )
    await client.delete(KICKOFF, headers={"if-match": '"1"'})
    assert (await write(client, request={"headers": {"if-match": '"1"'}})).status_code == 412
    assert (await client.delete(KICKOFF, headers={"if-match": '"0"'})).status_code == 412
    assert (await client.delete(KICKOFF)).status_code == 428


async def test_the_words_of_a_program_go_before_those_of_all_programs(client: httpx.AsyncClient) -> None:
    program = await add_program(client)
    here = f"{KICKOFF}?program_id={program}"
    await write(client)
    assert (await client.get(here)).json()["source"] == "organization"
    own = (await write(client, here, subject="Nur hier")).json()
    assert (own["source"], own["otherwise"]["source"], own["program_id"]) == ("program", "organization", program)
    assert (await client.get(KICKOFF)).json()["subject"] == OWN["subject"]
    params = {"template": "kickoff", "language": "de", "program_id": program}
    assert (await client.get("/v1/messages/preview", params=params)).json()["items"][0]["subject"] == "Nur hier"
    await client.delete(KICKOFF, headers={"if-match": "*"})
    assert (await client.get(here)).json()["otherwise"]["source"] == "upward"


async def test_another_organization_s_words_and_programs_are_none_of_ours(
    client: httpx.AsyncClient, db: Database, access_key: Keys
) -> None:
    await write(client)
    program, other = await add_program(client), uuid4()
    await add_organization(db, other)
    theirs = await access_key(Role.OWNER, other)
    assert (await client.get(KICKOFF, headers=theirs)).json()["source"] == "upward"
    for method, path in (("GET", KICKOFF), ("PUT", KICKOFF), ("DELETE", KICKOFF), ("GET", "/v1/wordings")):
        answer = await client.request(
            method,
            path,
            params={"program_id": program},
            headers=theirs | {"if-match": "*"},
            json=OWN if method == "PUT" else None,
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "program_not_found"), method
    preview = await client.get("/v1/messages/preview", params={"program_id": program}, headers=theirs)
    assert preview.status_code == 404
    assert (await client.get(KICKOFF)).json()["version"] == 1


async def test_messages_are_sent_in_the_words_of_their_program_and_of_their_reader_s_language(
    activities: Activities, database: Database, world: World, post: Post
) -> None:
    ana, hans, eva = (
        world.add_person(f"{name}@acme.example", name=name, language=language)
        for name, language in (("ana", "en"), ("hans", "de"), ("eva", "es"))
    )
    world.pending.update((ana, hans, eva))
    await world.open_round(database)
    template, mine = Template.CHECK_IN_INVITATION, world.organization_id
    async with database.transaction() as session:
        for place, subject in (
            (Place(mine, None, template, "en"), "All: {number}"),
            (Place(mine, world.program_id, template, "en"), "Here: {number}"),
            (Place(mine, None, template, "de"), "Alle {program}"),
            (Place(mine, uuid4(), template, "es"), "Otro programa"),
            (Place(uuid4(), None, template, "es"), "Otra empresa"),
        ):
            await save_wording(session, place, Wording(subject, "Dear {given_name} <b>!"), "*")
    try:
        announcement = world.announcement()
        await prepare(activities, announcement)
        await deliver(activities, announcement)
        sent = {message["To"].addresses[0].addr_spec: message for message in post.received}
    finally:
        async with database.transaction() as session:
            await session.execute(delete(WordingRow))
    assert sent["ana@acme.example"]["Subject"] == "Here: 2"
    assert sent["hans@acme.example"]["Subject"] == "Alle Look Up"
    assert "Look Up" in sent["eva@acme.example"]["Subject"]
    assert not sent["eva@acme.example"]["Subject"].startswith("Otr")
    mail = sent["ana@acme.example"]
    parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
    assert "\n\nDear ana <b>!\n\n" in parts["text/plain"].replace("\r\n", "\n")
    assert "<p>Dear ana &lt;b&gt;!</p>" in parts["text/html"]
    assert "https://up.example/p/" in parts["text/plain"]


async def test_texts_of_pages_are_written_previewed_listed_and_reset(client: httpx.AsyncClient) -> None:
    path = "/v1/wordings/check_in_page/de"
    ours = await client.get(path)
    assert ours.json()["subject"] == "Check-in {number}: Wie läuft es, {given_name}?"
    assert {one["name"] for one in ours.json()["placeholders"]} >= {"number", "deadline", "program"}
    own = {"subject": "Check-in {number}", "body": "Liebe {given_name},\n\nwie geht es?"}
    shown = (
        await client.post("/v1/wordings/preview", json=own | {"template": "check_in_page", "language": "de"})
    ).json()
    assert (shown["subject"], shown["text"]) == ("Check-in 1", "Liebe Ana,\n\nwie geht es?")
    assert shown["html"] == "<p>Liebe Ana,</p>\n<p>wie geht es?</p>"
    assert (await client.put(path, json=own, headers={"if-match": '"0"'})).headers["etag"] == '"1"'
    [line] = [one for one in (await client.get("/v1/wordings")).json()["pages"] if one["changed"]]
    assert (line["template"], line["changed"][0]["language"]) == ("check_in_page", "de")
    assert not any(one["changed"] for one in (await client.get("/v1/wordings")).json()["items"])
    refused = await client.put("/v1/wordings/survey_page/de", json=own, headers={"if-match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_placeholder")
    reset = await client.delete(path, headers={"if-match": '"1"'})
    assert {**reset.json(), "version": 0, "updated_at": None} == ours.json()


async def test_pages_get_the_words_of_their_program_and_never_those_of_others(
    client: httpx.AsyncClient, db: Database, access_key: Keys, internal_headers: dict[str, str]
) -> None:
    program, other = await add_program(client), uuid4()
    await add_organization(db, other)
    theirs = await access_key(Role.OWNER, other)
    for address, subject, headers in (
        ("survey_page/en", "For all", {}),
        (f"survey_page/en?program_id={program}", "For one", {}),
        ("survey_page/de", "Für alle", {}),
        ("enrolment_page/en", "Theirs", theirs),
    ):
        sent = {"subject": subject, "body": "Text."}
        assert (await client.put(f"/v1/wordings/{address}", json=sent, headers=headers | {"if-match": "*"})).is_success
    path = "/internal/notifications/page-words"

    async def read(program_id: object, headers: dict[str, str]) -> dict[tuple[str, str], str]:
        found = (await client.get(path, params={"program_id": str(program_id)}, headers=headers)).json()["items"]
        return {(one["text"], one["language"]): one["heading"] for one in found}

    assert await read(program, internal_headers) == {
        ("survey_page", "en"): "For one",
        ("survey_page", "de"): "Für alle",
    }
    assert (await read(uuid4(), internal_headers))["survey_page", "en"] == "For all"
    as_other = internal_headers | {"upward-organization": str(other)}
    assert await read(program, as_other) == {("enrolment_page", "en"): "Theirs"}
