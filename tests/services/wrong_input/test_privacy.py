"""docs/privacy.md says what each role can see. Every route, and every page for people with a key, is asked as every
role, and the answers are compared."""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.positions import sequence_batch
from services.events.webhooks.models import EndpointRow
from services.feedback.models import CheckIn, Concern, SurveyResponse
from services.matching.models import MatchRun, Pair
from services.notifications.models import AnnouncementRow, MessageRow
from services.notifications.rules.messages import Channel, MessageState, NewMessage, message_uuid
from services.notifications.store import delivering
from services.notifications.store import messages as notifications
from shared.auth import Role
from shared.contracts.events import CATALOGUE, CheckInAnswered, ConcernRaised, SurveyAnswered
from shared.contracts.feedback import ConcernReason
from shared.contracts.notifications import Announcement, Audience, Template
from shared.contracts.rounds import RoundKind
from shared.database import Database
from shared.events import emit
from tests.architecture.documents import names_in, table_rows
from tests.architecture.sources import ROOT
from tests.services.conftest import one_by_one
from tests.services.wrong_input.attempts import Attempts, Headers
from tests.services.wrong_input.public_routes import ROWS, Row, named_in, routes_of

PAGE = "docs/privacy.md"
TABLE = {
    names_in(row[0])[0]: dict(zip(Role, row[1:], strict=True)) for row in table_rows(PAGE, "## What each route answers")
}
"""What the table says about each route, and what each role gets there."""
PAGES = tuple(
    Row("GET", path, next(role for role, cell in cells.items() if cell != "no"), named=named_in(path))
    for path, cells in ((route.removeprefix("GET "), cells) for route, cells in TABLE.items())
    if path.startswith("/console")
)
"""The pages of the console that show what is stored to whoever has a key: those of the table."""
FOR_ANYBODY = {
    *("/console/static/{name}", "/console/sign-in", "/console/sign-in/{code}", "/console/{rest:path}"),
    *("/console/accent/{name}", "/console/logos/{organization_id}/{name}"),
}
"""Those that show nothing of any organization but its logo, to whoever knows its address."""
KeyMaker = Callable[..., Awaitable[Headers]]
WISHED_FOR, AVOIDED, CONCERNED, INVITED, REMINDED, ANSWERED = (uuid4() for _ in range(6))
ROUND = uuid4()
INVITATIONS = (Template.CHECK_IN_INVITATION, Template.SURVEY_INVITATION)
REMINDERS = (Template.CHECK_IN_REMINDER, Template.SURVEY_REMINDER)


def announced(template: Template, organization_id: UUID, cycle_id: UUID | None = None) -> Announcement:
    return Announcement(
        organization_id=organization_id,
        cycle_id=cycle_id,
        scope_id=ROUND,
        template=template,
        audience=Audience.ROUND,
        round_kind=RoundKind.CHECK_IN,
    )


PLANTED = {
    "name, e-mail address": ["grace@example.org", "Grace Example"],
    "in which pairs": ["planted reason of the pair"],
    "why an admin made a pair": ["planted override"],
    "what the person enrolled with": ["planted-wish", str(WISHED_FOR)],
    "whom the person would rather not": [str(AVOIDED)],
    "that a concern is about": [str(CONCERNED)],
    "which messages the person was sent": ["planted_code"],
    "that an invitation": [str(INVITED)],
    # Whoever knows the round and the people can compute of whose message this is the id.
    "that a reminder": [str(REMINDED), *(str(message_uuid(announced(one, ROUND), REMINDED)) for one in REMINDERS)],
    "that somebody of a pair": [str(ANSWERED)],
    "what the person said": ["planted_obstacle"],
    "the note of a check-in": ["planted note"],
    "the comment of a survey": ["planted comment"],
    "the address of a webhook": ["https://hooks.example.com/"],
}
"""For the beginning of each line of the first table: what is stored of such facts, as it would stand in an answer."""
PEOPLE = {"person_id", "mentor_id", "mentee_id", "owner_id", "leaver_id"}
THINGS = {
    *("program_id", "cycle_id", "round_id", "enrolment_id", "match_run_id", "pair_id", "check_in_id", "survey_id"),
    *("concern_id", "message_id", "endpoint_id", "import_id", "announcement_id", "scope_id"),
}
"""The other ids in events. A new id belongs to one of the two sets, and one of a person into the table too."""


@pytest.fixture
async def facts(db: Database, attempts: Attempts, organization_id: UUID) -> None:
    """Stores each of the facts about the people of the world."""
    ids: dict[str, Any] = {**attempts.ids}
    of_cycle: dict[str, Any] = {"organization_id": organization_id, "cycle_id": ids["cycle_id"]}
    answer = of_cycle | {
        "round_id": uuid4(), "pair_id": ids["pair_id"], "person_id": ids["mentee_id"], "side": "mentee",
    }  # fmt: skip
    async with db.transaction() as session:
        run = await session.get_one(MatchRun, ids["match_run_id"])
        await session.refresh(run, ["inputs"])
        mentor, mentee = run.inputs["people"]
        one = {**mentor, "languages": ["fr"], "avoided": [str(AVOIDED)]}
        other = {**mentee, "languages": ["de"], "topics_wanted": ["planted-wish"], "preferred": [str(WISHED_FOR)]}
        run.inputs = {**run.inputs, "people": [one, other]}
        run.supply = [
            {"topic": "ai", "label": "AI", "teachers": 9, "places": 9, "wanted_by": 9, "first_choice_of": 9, "gap": 0}
        ]
        (await session.get_one(EndpointRow, ids["endpoint_id"])).failing_since = datetime.now(UTC)
        pair = await session.get_one(Pair, ids["pair_id"])
        pair.reasons, pair.override_reason = ["planted reason of the pair"], "planted override"
        session.add(CheckIn(**answer, met=True, usefulness=4, obstacle="planted_obstacle", note="planted note"))
        session.add(SurveyResponse(**answer, usefulness=4, would_repeat=True, comment="planted comment"))
        announcement = of_cycle | {"scope_id": ids["cycle_id"], "template": Template.KICKOFF, "occurrence": 1}
        told = AnnouncementRow(**announcement, id=uuid4(), audience=Audience.PARTICIPANTS)
        session.add(told)
        await session.flush()
        session.add(
            MessageRow(
                **announcement, id=uuid4(), announcement_id=told.id, person_id=ids["mentee_id"], message_id="<1@x>",
                state=MessageState.DROPPED, failure_code="planted_code", due_at=datetime.now(UTC),
            )
        )  # fmt: skip
        concern = {"id": uuid4(), "round_id": uuid4(), "pair_id": ids["pair_id"], "person_id": CONCERNED}
        session.add(Concern(**of_cycle, **concern, reason=ConcernReason.NOT_A_FIT, state="open"))
        raised = ConcernRaised(
            concern_id=concern["id"], cycle_id=ids["cycle_id"], pair_id=ids["pair_id"], reason=ConcernReason.NOT_A_FIT
        )
        answered = {"round_id": ROUND, "cycle_id": ids["cycle_id"], "pair_id": ANSWERED}
        answers = CheckInAnswered(check_in_id=uuid4(), **answered), SurveyAnswered(survey_id=uuid4(), **answered)
        await emit(session, organization_id, raised, *answers)
        for template in INVITATIONS:
            await fail(session, announced(template, organization_id, ids["cycle_id"]), INVITED)
        for template in REMINDERS:
            await fail(session, announced(template, organization_id, ids["cycle_id"]), REMINDED)
        await sequence_batch(session)


async def fail(session: AsyncSession, announcement: Announcement, person_id: UUID) -> None:
    """A message of this announcement, which the mail server refused for good."""
    now = datetime.now(UTC)
    await notifications.save_announcement(session, announcement)
    new = NewMessage(person_id, Channel.EMAIL, now)
    await notifications.add_messages(session, announcement, [new], "upward.example")
    [message] = await delivering.claim(session, announcement.organization_id, announcement.id, uuid4(), now, 1)
    await delivering.mark_failed(session, message, "smtp_550")


def asks(row: Row) -> bool:
    """Whether the route tells something and changes nothing."""
    return row.method == "GET" or not row.stores


@pytest.fixture(scope="module")
def remembered() -> dict[Role, dict[str, str]]:
    return {}


@pytest.fixture
async def told(
    attempts: Attempts,
    access_key: KeyMaker,
    facts: None,
    monkeypatch: pytest.MonkeyPatch,
    remembered: dict[Role, dict[str, str]],
) -> dict[Role, dict[str, str]]:
    """For each role, what it reads on each route that it may ask, as sorted JSON, and on each page. All tests of this
    file share it."""
    if remembered:
        return remembered
    monkeypatch.setattr("asyncio.gather", one_by_one)
    found: dict[Role, dict[str, str]] = {}
    for role in Role:
        headers = await access_key(role)
        asked = [row for row in (*ROWS, *PAGES) if asks(row) and role.covers(row.role)]
        answers = {str(row): await attempts.call(row, headers) for row in asked}
        assert {row: one.text for row, one in answers.items() if one.status_code != 200} == {}
        found[role] = {row: _compared(row, one) for row, one in answers.items()}
    remembered |= found
    return found


def _compared(row: str, answer: httpx.Response) -> str:
    """What is compared of an answer: not what it tells callers about themselves, such as the frame around a page."""
    if "json" not in answer.headers["content-type"]:
        page = answer.text
        if "html" in answer.headers["content-type"]:
            page = page.partition("<main")[2].partition("</main>")[0]
        return re.sub(r'name="form_token" value="[^"]*"', "", page)  # another one in each form
    return json.dumps(sorted(answer.json()) if row == "GET /v1/caller" else answer.json(), sort_keys=True)


def test_every_route_is_in_the_table(composed: FastAPI) -> None:
    assert [route for route in TABLE if "/console" not in route] == [str(row) for row in ROWS]
    found = {path for method, path in routes_of(composed) if method == "GET" and path.startswith("/console")}
    pages = {path.rstrip("/") for path in found}
    assert pages - FOR_ANYBODY == {row.path for row in PAGES}, "name a new page in the table: what it answers to whom"


async def test_each_route_answers_each_role_as_the_table_says(
    attempts: Attempts, access_key: KeyMaker, told: dict[Role, dict[str, str]]
) -> None:
    keys = {role: await access_key(role) for role in Role}
    wrong = []
    for row in (*ROWS, *PAGES):
        for role, cell in TABLE[str(row)].items():
            if not role.covers(row.role):
                found = "no" if (await attempts.call(row, keys[role])).status_code == 403 else "an answer"
            elif asks(row):
                found = "yes" if told[role][str(row)] == told[Role.OWNER][str(row)] else "part"
            else:
                found = "yes"  # that it is right is tried with wrong input
            if found != cell:
                wrong.append(f"{row} as {role}: {found}, not {cell}")
    assert wrong == []


async def test_each_role_reads_of_a_person_what_the_table_says(told: dict[Role, dict[str, str]]) -> None:
    rows = table_rows(PAGE, "## What a role reads about a person")
    assert len(rows) == len(PLANTED)
    wrong = []
    for (begins, planted), row in zip(PLANTED.items(), rows, strict=True):
        assert row[0].startswith(begins)
        for role, cell in zip(Role, row[1:], strict=True):
            for text in planted:
                routes = [one for one, answer in told[role].items() if text in answer]
                if bool(routes) is not (cell == "yes"):
                    wrong.append(f"{role} reads {text!r} on {routes}, and the table says {cell}")
    assert wrong == []


def test_every_id_in_an_event_is_known_as_that_of_a_person_or_of_a_thing() -> None:
    ids = {name for model in CATALOGUE.values() for name in model.model_fields if name.endswith("_id")}
    assert ids == PEOPLE | THINGS


def test_the_events_that_point_at_people_are_those_of_the_table() -> None:
    listed = {names_in(row[0])[0]: names_in(row[1]) for row in table_rows(PAGE, "## What other systems get")}
    assert listed == {
        type: people
        for type, model in CATALOGUE.items()
        if (people := [name for name in model.model_fields if name in PEOPLE])
    }


def test_mails_about_approvals_and_concerns_name_nobody() -> None:
    """Their texts hold nothing that depends on a person, besides what every message holds."""
    about = [template for template in Template if template.value.startswith(("approval_", "concern_"))]
    assert len(about) >= 6
    for template in about:
        for form in ("txt", "html"):
            text = (ROOT / f"services/notifications/templates/{template}.{form}.j2").read_text()
            assert not any(word in text for word in ("partner", "pair.", "person", "note", "given_name")), template
