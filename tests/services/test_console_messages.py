"""The pages of messages: the list for coordinators, its table, and every message in sample data."""

import csv
import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.accounts import main as accounts
from services.console import main as console
from services.console.words.messages import TEMPLATES
from services.intake import main as intake
from services.notifications import main as notifications
from services.notifications.models import AnnouncementRow, MessageRow
from services.programs import main as programs
from shared.auth import Role
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person
from tests.services.page_forms import fields_in
from tests.services.programs_examples import PROGRAM, add_organization, once

Key = Callable[..., Awaitable[dict[str, str]]]
NOW = datetime.now(UTC)
ADA, BEA = (person(f"{name}@example.org") for name in ("ada", "bea"))
LIST, PREVIEWS = "/console/messages", "/console/messages/previews"


@pytest.fixture
async def http(
    db: Database, organization_id: UUID, application: Callable[..., FastAPI], access_key: Key
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    people = [ADA._replace(name="=Ada <b>Stone</b>"), BEA._replace(name="Bea Example")]
    await add_people(db, organization_id, *people)
    async with client_of(application(accounts, programs, intake, notifications, console)) as client:
        client.headers.update(await access_key(Role.COORDINATOR))
        yield client


async def send(db: Database, organization_id: UUID, *people: UUID, **values: Any) -> None:
    """A message to each of these people, all of one announcement. The first is the newest."""
    scope_id = values.get("cycle_id") or uuid4()
    both: dict[str, Any] = {
        "organization_id": organization_id, "scope_id": scope_id, "template": "kickoff", "occurrence": 1
    } | values  # fmt: skip
    of_announcement = {key: both[key] for key in ("organization_id", "scope_id", "template", "occurrence")}
    told = AnnouncementRow(**of_announcement, cycle_id=both.get("cycle_id"), id=uuid4(), audience="participants")
    async with db.transaction() as session:
        session.add(told)
        await session.flush()
        for place, person_id in enumerate(people):
            due = {"due_at": NOW - timedelta(minutes=place), "state": "sent", "sent_at": NOW, "message_id": "<x@y>"}
            session.add(MessageRow(**due | both, id=uuid4(), announcement_id=told.id, person_id=person_id))


async def test_the_list_says_what_became_of_each_message(
    http: httpx.AsyncClient, db: Database, organization_id: UUID, access_key: Key
) -> None:
    assert "No message has been sent yet" in (await http.get(LIST)).text
    key = await access_key(Role.ADMIN)
    program = (await http.post("/v1/programs", headers=once(key), json={**PROGRAM, "name": "<i>Up</i>"})).json()
    cycle = (await http.post(f"/v1/programs/{program['id']}/cycles", headers=once(key))).json()
    await send(db, organization_id, ADA.id, cycle_id=UUID(cycle["id"]), state="failed", failure_code="smtp_550")
    await send(db, organization_id, BEA.id, uuid4(), template="unmatched")
    page = (await http.get(LIST)).text
    assert "3 messages" in page
    for said in (
        "=Ada &lt;b&gt;Stone", "Bea Example", "Unknown person", "&lt;i&gt;Up&lt;/i&gt;, ", "No partner was found",
        "Correct the address in the directory", f'href="/console/people/{ADA.id}"',
    ):  # fmt: skip
        assert said in page
    assert "<i>" not in page
    found = (await http.get(LIST, params={"q": "example bea"})).text
    assert "1 message<" in found or "1 message ·" in found
    assert "Stone" not in found
    failed = (await http.get(LIST, params={"state": "failed", "cycle_id": cycle["id"]})).text
    assert ("Stone" in failed, "Bea Example" in failed) == (True, False)
    alone = (await http.get(LIST, params={"person_id": str(BEA.id)})).text
    assert "Only messages to Bea Example are shown." in alone
    assert "No message fits this search" in (await http.get(LIST, params={"state": "dropped"})).text


async def test_the_table_has_all_pages_with_names_and_runs_no_formula(
    http: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    await send(db, organization_id, ADA.id, *(uuid4() for _ in range(230)), BEA.id)
    first = (await http.get(LIST)).text
    assert "Next page" in first
    answer = await http.get(f"{LIST}.csv", params={"sort": "due_at"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len(rows) == 233
    assert rows[0][:2] == ["Reader", "Message"]
    assert (rows[1][0], rows[-1][0]) == ("Bea Example", "'=Ada <b>Stone</b>")
    assert len((await http.get(f"{LIST}.csv", params={"q": "bea"})).text.splitlines()) == 2


async def test_viewers_see_how_messages_look_and_no_message_of_anybody(
    http: httpx.AsyncClient, access_key: Key
) -> None:
    headers = await access_key(Role.VIEWER)
    assert (await http.get(LIST, headers=headers)).status_code == 403
    assert (await http.get(f"{LIST}.csv", headers=headers)).status_code == 403
    page = await http.get(PREVIEWS, headers=headers)
    assert page.status_code == 200
    assert 'href="/console/messages"' not in page.text


async def test_another_organization_s_messages_are_not_there(
    http: httpx.AsyncClient, db: Database, organization_id: UUID, access_key: Key
) -> None:
    await send(db, organization_id, ADA.id)
    other = uuid4()
    await add_organization(db, other)
    headers = await access_key(Role.OWNER, other)
    assert "No message has been sent yet" in (await http.get(LIST, headers=headers)).text
    alone = await http.get(LIST, params={"person_id": str(ADA.id), "q": "ada"}, headers=headers)
    assert "Stone" not in alone.text


async def test_every_message_is_shown_in_a_language_within_a_frame_that_does_nothing(http: httpx.AsyncClient) -> None:
    page = await http.get(PREVIEWS, params={"template": "kickoff", "language": "de"})
    assert "Digital Upward: Es geht los!" in page.text
    assert f'<iframe src="{PREVIEWS}/kickoff?language=de" sandbox' in page.text
    assert "style=" not in page.text, "the mail's own styles stay in its frame"
    for template in TEMPLATES:
        assert f"?template={template}&amp;language=de" in page.text
    document = await http.get(f"{PREVIEWS}/kickoff", params={"language": "de"})
    assert "Lea Stern" in document.text
    policy = document.headers["content-security-policy"]
    for part in ("default-src 'none'", "form-action 'none'", "frame-ancestors 'self'", "; sandbox"):
        assert part in policy
    assert document.headers["x-frame-options"] == "SAMEORIGIN"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


async def test_a_preview_that_is_not_there_is_the_first_or_no_page(http: httpx.AsyncClient) -> None:
    page = await http.get(PREVIEWS, params={"template": "<script>", "language": "tlh"})
    assert (page.status_code, "<script>" in page.text) == (200, False)
    assert "Invitation to take part" in page.text
    assert (await http.get(f"{PREVIEWS}/nothing")).status_code == 404


async def test_what_failed_is_sent_again_by_its_button_and_all_of_a_cycle_by_another(
    http: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    cycle = uuid4()
    people = [ADA.id, BEA.id, uuid4()]
    await send(db, organization_id, *people, cycle_id=cycle, state="failed", failure_code="smtp_550")
    action = f"{LIST}/resend"
    page = await http.get(LIST, params={"state": "failed"})
    assert page.text.count("Send again") == 3
    assert "Send all of this cycle" not in page.text
    [one] = re.findall(r'name="message_id" value="([^"]+)"', page.text)[:1]
    answer = await http.post(action, data=fields_in(page, action) | {"message_id": one})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{LIST}?done=resent")
    assert "What had failed is sent again." in (await http.get(answer.headers["location"])).text
    again = await http.post(action, data=fields_in(page, action) | {"message_id": one})
    assert "Nothing had failed any more" in (await http.get(again.headers["location"])).text
    page = await http.get(LIST, params={"cycle_id": str(cycle)})
    assert page.text.count("Send again") == 2
    answer = await http.post(action, data=fields_in(page, action))
    assert answer.headers["location"] == f"{LIST}?cycle_id={cycle}&done=resent"
    page = await http.get(LIST, params={"cycle_id": str(cycle)})
    assert (page.text.count("Waiting</span>"), "Send all of this cycle" in page.text) == (3, False)
    nothing = await http.post(action, data=fields_in(await http.get(LIST), action) | {"form_token": "x"})
    assert nothing.status_code == 403
