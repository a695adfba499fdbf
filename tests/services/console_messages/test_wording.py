"""The pages on which the words of messages are changed: tried before they are stored, reset, and only by admins."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.auth import Role
from shared.database import Database
from tests.services.console_messages.conftest import Key, mark_in
from tests.services.programs_examples import PROGRAM, add_organization, once
from tests.services.test_console_sign_in import key_of, sign_in, token_in

LIST = "/console/messages/wording"
PAGE, API = f"{LIST}/check_in_invitation/de", "/v1/wordings/check_in_invitation/de"
TYPED = {"subject": "Wie läuft {program}?", "body": "Liebe {given_name},\r\n\r\n<script>alert(1)</script>"}


async def send(browser: httpx.AsyncClient, path: str = PAGE, **fields: Any) -> httpx.Response:
    page = await browser.get(path)
    return await browser.post(path, data={"form_token": token_in(page), "etag": mark_in(page)} | TYPED | fields)


async def test_words_are_tried_saved_marked_in_the_list_and_reset(admin: httpx.AsyncClient) -> None:
    first = (await admin.get(PAGE)).text
    assert "Words of Upward" in first
    assert "<code>{number}</code>" in first
    assert f"{PAGE}/reset" not in first
    tried = await send(admin, do="preview")
    assert tried.status_code == 200
    assert "<strong>Wie läuft Digital Upward?</strong>" in tried.text
    assert "Liebe Ana," in tried.text
    assert "https://upward.example.com/p/sample-of-a-link" in tried.text
    assert "<script>" not in tried.text
    assert "Deutsch" not in (await admin.get(LIST)).text
    saved = await send(admin, do="save")
    assert (saved.status_code, saved.headers["location"]) == (303, f"{PAGE}?done=saved")
    page = (await admin.get(saved.headers["location"])).text
    assert "Your words are saved." in page
    assert "Words for all programs" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert f'href="{PAGE}">Deutsch (German)' in (await admin.get(LIST)).text
    asked = (await admin.get(f"{PAGE}/reset")).text
    assert "Wie läuft {program}?" in asked
    assert "Words of Upward" in asked
    reset = await send(admin, f"{PAGE}/reset")
    assert (reset.status_code, reset.headers["location"]) == (303, f"{PAGE}?done=reset")
    assert "Words of Upward" in (await admin.get(reset.headers["location"])).text
    assert (await admin.get(f"{PAGE}/reset")).status_code == 404


@pytest.mark.parametrize("do", ["preview", "save"])
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"body": "{salary} <b>"}, "{salary} is no placeholder here."),
        ({"subject": "a } b"}, "A brace may only stand around the name of a placeholder, such as {program}."),
        ({"subject": " "}, "Write a subject of one line, with at most 200 characters."),
        ({"body": "x" * 4001}, "Write a text of at most 4,000 characters."),
    ],
)
async def test_what_cannot_be_sent_is_told_beside_its_field_and_nothing_is_lost(
    admin: httpx.AsyncClient, do: str, typed: dict[str, str], said: str
) -> None:
    answer = await send(admin, do=do, **typed)
    assert answer.status_code == 422
    [field] = typed
    assert f'<a href="#{field}">{said}</a>' in answer.text
    assert ("{salary} &lt;b&gt;</textarea>" in answer.text) == ("{salary} <b>" in typed.values())
    assert "A message in these words" not in answer.text
    assert "Words of Upward" in (await admin.get(PAGE)).text


async def test_of_two_admins_the_second_sees_what_the_first_has_stored_and_then_replaces_it(
    admin: httpx.AsyncClient,
) -> None:
    await send(admin, do="save", subject="Erste")
    late = await send(admin, do="save", subject="Zweite", etag='"0"')
    assert late.status_code == 412
    assert "Somebody changed these words while you were writing" in late.text
    assert "<strong>Erste</strong>" in late.text
    assert 'value="Zweite"' in late.text
    assert 'name="etag" value="&#34;1&#34;"' in late.text
    assert (await send(admin, do="save", subject="Zweite")).status_code == 303
    stale = await send(admin, f"{PAGE}/reset", etag='"1"')
    assert stale.status_code == 412
    assert "Zweite" in (await admin.get(PAGE)).text


async def test_a_program_has_words_of_its_own(admin: httpx.AsyncClient, access_key: Key) -> None:
    made = await admin.post("/v1/programs", headers=once(await access_key(Role.ADMIN)), json=dict(PROGRAM))
    here = f"{PAGE}?program={made.json()['id']}"
    answer = await send(admin, here, do="save", subject="Nur hier")
    assert answer.headers["location"] == f"{here}&done=saved"
    page = (await admin.get(here)).text
    assert PROGRAM["name"] in page
    assert "Words of this program" in page
    assert "Words of Upward" in (await admin.get(PAGE)).text
    assert here in (await admin.get(f"{LIST}?program={made.json()['id']}")).text


@pytest.mark.parametrize("role", [Role.VIEWER, Role.COORDINATOR])
async def test_whoever_is_no_admin_reads_the_words_and_changes_none(
    browser: httpx.AsyncClient, access_key: Key, role: Role
) -> None:
    await sign_in(browser, key_of(await access_key(role)))
    page = await browser.get(PAGE)
    assert page.status_code == 200
    assert "An admin of your organization can change these words." in page.text
    assert 'name="do"' not in page.text
    assert (await browser.get(f"{PAGE}/reset")).status_code == 403
    sent = {"form_token": token_in(page), "etag": '"0"'} | TYPED
    for path, do in ((PAGE, "save"), (PAGE, "preview"), (f"{PAGE}/reset", "")):
        assert (await browser.post(path, data=sent | {"do": do})).status_code == 403
    assert "Words of Upward" in (await browser.get(PAGE)).text


async def test_addresses_of_nothing_and_of_others_are_404(
    admin: httpx.AsyncClient, db: Database, access_key: Key
) -> None:
    other = uuid4()
    await add_organization(db, other)
    theirs = await admin.post("/v1/programs", headers=once(await access_key(Role.ADMIN, other)), json=dict(PROGRAM))
    for path in (
        f"{LIST}/none/de",
        f"{LIST}/kickoff/xx",
        f"{LIST}/endpoint_failing/de",
        f"{PAGE}?program=x",
        f"{PAGE}?program={uuid4()}",
        f"{PAGE}?program={theirs.json()['id']}",
        f"{LIST}?program={theirs.json()['id']}",
        f"{PAGE}/reset",
    ):
        assert (await admin.get(path)).status_code == 404, path


async def test_the_pages_speak_the_language_of_their_visitor(admin: httpx.AsyncClient) -> None:
    admin.headers["accept-language"] = "fr"
    assert "Textes des pages et des messages" in (await admin.get(LIST)).text
    answer = await send(admin, do="preview", body="{salary}")
    assert "{salary} n’est pas une variable ici." in answer.text


async def test_the_text_of_a_page_is_changed_as_that_of_a_message_is(admin: httpx.AsyncClient) -> None:
    page = f"{LIST}/survey_thanks/en"
    first = await admin.get(page)
    assert "Thank you, {given_name}" in first.text
    assert "The deadline, the questions, and what follows from an answer stay as they are." in first.text
    typed = {"subject": "Thanks from {organization}", "body": "<i>{given_name}</i>"}
    tried = await send(admin, page, do="preview", **typed)
    assert "A page in these words" in tried.text
    assert "<strong>Thanks from Example Inc</strong>" in tried.text
    assert "&lt;i&gt;Ana&lt;/i&gt;" in tried.text
    assert (await send(admin, page, do="save", **typed)).headers["location"] == f"{page}?done=saved"
    listed = (await admin.get(LIST)).text
    assert f'href="{page}">English' in listed
    assert "Pages of participants" in listed
    wrong = await send(admin, page, do="save", body="{number}")
    assert "{number} is no placeholder here." in wrong.text
    assert (await send(admin, f"{page}/reset")).headers["location"] == f"{page}?done=reset"
    assert "Words of Upward" in (await admin.get(page)).text
