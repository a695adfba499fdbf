"""The list of messages tells coordinators what became of each, and never who keeps silent about a pair."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from services.accounts import main as accounts
from services.intake import main as intake
from services.notifications import main
from services.notifications.models import AnnouncementRow, MessageRow
from services.programs import main as programs
from services.programs.models import CycleRow, ProgramRow
from shared.auth import Role
from shared.contracts.notifications import Audience, Template
from shared.database import Database
from shared.http.lists import encode_cursor
from shared.language.words import LANGUAGES
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person
from tests.services.programs_examples import add_organization

Keys = Callable[..., Awaitable[dict[str, str]]]
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
ANA, PAUSED, RUNNING = uuid4(), uuid4(), uuid4()
MESSAGES: tuple[tuple[Template, Mapping[str, Any]], ...] = (
    (Template.KICKOFF, {"state": "sent", "sent_at": NOW, "due_at": NOW - 9 * DAY}),
    (Template.ENROLMENT_REMINDER, {"state": "sent", "due_at": NOW - 8 * DAY}),
    (Template.UNMATCHED, {"state": "waiting", "due_at": NOW + DAY}),
    (Template.PAIR_ENDED, {"state": "waiting", "due_at": NOW - DAY, "attempts": 1}),
    (Template.CYCLE_CANCELLED, {"state": "waiting", "due_at": NOW - DAY, "cycle_id": PAUSED}),
    (Template.CHECK_IN_INVITATION, {"state": "failed", "due_at": NOW - DAY, "failure_code": "smtp_550"}),
    # These would tell who has answered a check-in or a survey.
    (Template.CHECK_IN_REMINDER, {"state": "sent", "due_at": NOW - DAY, "occurrence": 2}),
    (Template.SURVEY_REMINDER, {"state": "failed", "due_at": NOW, "failure_code": "smtp_550"}),
    (Template.SURVEY_INVITATION, {"state": "dropped", "due_at": NOW, "failure_code": "not_asked"}),
)
LISTED = [f"{template.value} {values['state']}" for template, values in MESSAGES[:6]]


@pytest.fixture
async def client(
    application: Callable[..., FastAPI], access_key: Keys, db: Database, organization_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    program, plan = uuid4(), {"direction": "reverse", "topics": [], "calendar": {}, "policy": {}}
    async with db.transaction() as session:
        session.add(
            ProgramRow(
                id=program, organization_id=organization_id, name="Upward", time_zone="UTC", sponsor_id=None,
                coordinator_ids=[], recurs=False, **plan,
            )
        )  # fmt: skip
        await session.flush()
        session.add(
            CycleRow(
                id=PAUSED, organization_id=organization_id, program_id=program, period="p", stage="active",
                starts_at=NOW, paused=True, **plan,
            )
        )  # fmt: skip
    for template, values in MESSAGES:
        await add_message(db, organization_id, template, {"cycle_id": RUNNING} | dict(values))
    await add_message(db, uuid4(), Template.KICKOFF, {"state": "sent", "due_at": NOW})
    async with client_of(application(main, accounts, programs, intake)) as client:
        client.headers.update(await access_key(Role.COORDINATOR))
        yield client


async def add_message(db: Database, organization_id: UUID, template: Template, values: dict[str, Any]) -> None:
    of_both = {
        "organization_id": organization_id, "scope_id": uuid4(), "template": template, "occurrence": 1,
        "cycle_id": values.pop("cycle_id", None),
    }  # fmt: skip
    told = AnnouncementRow(**of_both, id=uuid4(), audience=Audience.ROUND)
    message = of_both | {"id": uuid4(), "announcement_id": told.id, "person_id": ANA, "message_id": "<1@x>"}
    async with db.transaction() as session:
        session.add(told)
        await session.flush()
        session.add(MessageRow(**message | values))


async def listed(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/messages", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    assert answer.json()["total"] == len(found)
    return found


@pytest.mark.parametrize("params", [{}, {"person_id": str(ANA)}, {"sort": "due_at"}])
async def test_messages_that_would_tell_who_keeps_silent_are_not_listed(
    client: httpx.AsyncClient, params: dict[str, str]
) -> None:
    found = [f"{one['template']} {one['state']}" for one in await listed(client, **params)]
    assert sorted(found) == sorted(LISTED)


@pytest.mark.parametrize("sort", ["due_at", "-due_at"])
async def test_no_cursor_tells_whether_such_a_message_exists(
    client: httpx.AsyncClient, db: Database, organization_id: UUID, sort: str
) -> None:
    """Everybody can compute the id of a reminder, of the round, the person and the number."""
    async with db.transaction() as session:
        mine = await session.scalars(select(MessageRow).where(MessageRow.organization_id == organization_id))
        ids = {f"{row.template} {row.state}": row.id for row in mine}
    for what, id in {**ids, "no message": uuid4()}.items():
        answer = await client.get("/v1/messages", params={"cursor": encode_cursor(id), "sort": sort})
        assert (answer.status_code == 200) == (what in LISTED), what


async def test_a_message_that_is_asked_for_many_times_is_made_once(client: httpx.AsyncClient) -> None:
    """Each takes a few milliseconds, in which nobody else is answered."""
    answer = await client.get("/v1/messages/preview", params={"template": ["kickoff", "unmatched"] * 25})
    assert [one["template"] for one in answer.json()["items"]] == ["kickoff", "unmatched"]
    assert (await client.get("/v1/messages/preview", params={"template": ["kickoff"] * 51})).status_code == 422


async def test_the_counts_of_a_cycle_hold_all_of_them(client: httpx.AsyncClient) -> None:
    counts = (await client.get(f"/v1/cycles/{RUNNING}/messages")).json()["counts"]
    assert sum(count["messages"] for count in counts) == len(MESSAGES) - 1


@pytest.mark.parametrize(
    ("params", "templates"),
    [
        ({"state": "sent"}, {"kickoff", "enrolment_reminder"}),
        ({"template": ["kickoff", "unmatched"], "state": ["sent", "failed"]}, {"kickoff"}),
        ({"cycle_id": str(PAUSED)}, {"cycle_cancelled"}),
        ({"person_id": str(uuid4())}, set()),
    ],
)
async def test_messages_are_found_by_cycle_person_template_and_state(
    client: httpx.AsyncClient, params: dict[str, Any], templates: set[str]
) -> None:
    assert {one["template"] for one in await listed(client, **params)} == templates


async def test_messages_are_found_by_the_names_of_their_readers(
    client: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    """Nobody of the directory fits, or one person whose messages those are."""
    assert await listed(client, q="ana") == []
    await add_people(db, organization_id, person("ana@example.org")._replace(id=ANA))
    assert {one["template"] for one in await listed(client, q="ana", state="sent")} == {"kickoff", "enrolment_reminder"}
    assert len(await listed(client, q="  ")) == len(LISTED)


async def test_a_waiting_message_says_what_it_waits_for(client: httpx.AsyncClient) -> None:
    waits = {one["template"]: one["waiting_for"] for one in await listed(client)}
    assert waits == {
        "kickoff": None,
        "enrolment_reminder": None,
        "check_in_invitation": None,
        "unmatched": "sending_hours",
        "pair_ended": "mail_server",
        "cycle_cancelled": "resumption",
    }


async def test_a_table_holds_the_same_messages(client: httpx.AsyncClient) -> None:
    table = await client.get("/v1/messages", headers={"accept": "text/csv"})
    assert len(table.text.splitlines()) == 1 + len(LISTED)
    assert "survey" not in table.text


async def test_viewers_read_no_messages_of_people_and_see_how_each_message_looks(
    client: httpx.AsyncClient, access_key: Keys
) -> None:
    headers = await access_key(Role.VIEWER)
    assert (await client.get("/v1/messages", headers=headers)).status_code == 403
    samples = (await client.get("/v1/messages/preview", headers=headers)).json()["items"]
    assert [sample["template"] for sample in samples] == [template.value for template in Template]
    [kickoff] = (await client.get("/v1/messages/preview", params={"template": "kickoff"}, headers=headers)).json()[
        "items"
    ]
    assert "Lea Stern" in kickoff["text"]
    assert "<html" in kickoff["html"]


async def test_a_preview_is_in_the_language_that_was_asked_for(client: httpx.AsyncClient) -> None:
    subjects = {}
    for language in LANGUAGES:
        params = {"template": "enrolment_invitation", "language": language}
        [shown] = (await client.get("/v1/messages/preview", params=params)).json()["items"]
        assert f'<html lang="{language}"' in shown["html"]
        subjects[language] = shown["subject"]
    assert len(set(subjects.values())) == len(LANGUAGES), subjects
