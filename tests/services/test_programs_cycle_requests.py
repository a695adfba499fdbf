"""What is filled in when a cycle is requested, and what cannot be requested at all."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from services.programs import main
from services.programs.rules.calendar import period_of
from shared.auth import Role
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.programs_examples import PROGRAM, add_organization, once, staged

Headers = dict[str, str]


@pytest.fixture
async def http(
    db: Database, application: Callable[..., FastAPI], organization_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    async with client_of(application(main)) as client:
        yield client


@pytest.fixture
async def admin(access_key: Callable[..., Awaitable[Headers]]) -> Headers:
    return await access_key(Role.ADMIN)


@pytest.fixture
async def program(http: httpx.AsyncClient, admin: Headers) -> dict[str, Any]:
    answer = await http.post("/v1/programs", json=dict(PROGRAM), headers=once(admin))
    found: dict[str, Any] = answer.json()
    return found


async def test_the_period_is_the_quarter_in_which_the_cycle_starts(
    http: httpx.AsyncClient, admin: Headers, program: dict[str, Any]
) -> None:
    path, now = f"/v1/programs/{program['id']}/cycles", datetime.now(UTC)
    for days in (0, 100, 300, 700):
        starts_at = now + timedelta(days=days)
        answer = await http.post(path, json={"starts_at": starts_at.isoformat()}, headers=once(admin))
        assert answer.json()["period"] == period_of(starts_at, "Europe/Berlin"), answer.text
    new_year = datetime(now.year + 2, 1, 1, tzinfo=UTC) - timedelta(minutes=30)  # it is January in Berlin
    answer = await http.post(path, json={"starts_at": new_year.isoformat()}, headers=once(admin))
    assert answer.json()["period"].startswith(f"{now.year + 2}-Q1")


async def test_a_program_without_topics_cannot_ask_anybody_to_enrol(
    http: httpx.AsyncClient, admin: Headers, db: Database, organization_id: UUID
) -> None:
    empty = (await http.post("/v1/programs", json={"name": "Empty"}, headers=once(admin))).json()
    path = f"/v1/programs/{empty['id']}/cycles"
    for body in (None, {}, {"period": "pilot"}):
        answer = await http.post(path, json=body, headers=once(admin))
        assert (answer.status_code, answer.json()["code"]) == (422, "no_topics"), answer.text
        assert [error["field"] for error in answer.json()["errors"]] == ["program.topics"]
    assert (await http.get(path, headers=admin)).json()["items"] == []
    assert await staged(db, organization_id) == []


async def test_a_shorter_round_keeps_the_reminders_that_fit_and_the_answer_says_so(
    http: httpx.AsyncClient, admin: Headers
) -> None:
    calendar = {"enrolment": {"length": "P10D"}}
    headers = once(admin)
    made = await http.post("/v1/programs", json={**PROGRAM, "calendar": calendar}, headers=headers)
    program = made.json()
    assert program["calendar"]["enrolment"] == {"length": "P10D", "reminders": ["P7D"]}
    assert any("P12D does not fit into P10D" in note for note in program["notes"])
    assert (await http.get(f"/v1/programs/{program['id']}", headers=admin)).json() == program
    body = {"calendar": {"enrolment": {"length": "P5D"}}}
    cycle = (await http.post(f"/v1/programs/{program['id']}/cycles", json=body, headers=once(admin))).json()
    assert cycle["calendar"]["enrolment"] == {"length": "P5D", "reminders": []}
    assert cycle["notes"] == ["calendar.enrolment: P7D does not fit into P5D."]
