"""Supply of and demand for topics: an admin sees what is missing while enrolment is open."""

from collections.abc import AsyncIterator, Awaitable, Callable
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import update

from services.intake import main
from services.intake.models import Person
from shared.auth import Role
from shared.contracts.rounds import OpenRound
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, open_enrolment, person, programs

PEOPLE = [person(f"p{number}@x.example") for number in range(6)]
Key = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
async def client(application: Callable[..., FastAPI], access_key: Key) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(main, programs())) as client:
        client.headers.update(await access_key(Role.VIEWER))
        yield client


@pytest.fixture
async def asked(db: Database, organization_id: UUID) -> OpenRound:
    await add_people(db, organization_id, *PEOPLE)
    return await open_enrolment(db, organization_id)


async def enrol(client: httpx.AsyncClient, headers: dict[str, str], asked: OpenRound, *answers: Any) -> None:
    for one, answer in zip(PEOPLE, answers, strict=False):
        path = f"/internal/intake/rounds/{asked.round_id}/answers/{one.id}"
        assert (await client.post(path, json=answer, headers=headers)).status_code == 200


async def topics(client: httpx.AsyncClient, cycle_id: UUID) -> list[dict[str, Any]]:
    response = await client.get(f"/v1/cycles/{cycle_id}/topics")
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["items"]
    return found


def row(topic: str, label: str, *counts: int) -> dict[str, Any]:
    names = ("teachers", "places", "wanted_by", "first_choice_of", "gap")
    return {"topic": topic, "label": label, **dict(zip(names, counts, strict=True))}


async def test_every_topic_is_counted_and_what_lacks_most_places_comes_first(
    client: httpx.AsyncClient, internal_headers: dict[str, str], asked: OpenRound
) -> None:
    await enrol(
        client,
        internal_headers,
        asked,
        {"role": "mentor", "topics_taught": ["ai"], "mentor_capacity": 3},
        {"role": "both", "topics_taught": ["KI"], "topics_wanted": ["social"], "mentor_capacity": 2},
        {"role": "mentee", "topics_wanted": ["social", "ai"]},
        {"role": "mentee", "topics_wanted": ["ai", "social"], "topics_taught": ["social"]},
        {"role": None},
    )
    assert await topics(client, asked.cycle_id) == [
        row("social", "Social media", 0, 0, 3, 2, 3),
        row("ai", "Artificial intelligence", 2, 5, 2, 1, 0),
    ]


async def test_before_anybody_enrols_all_topics_are_there_in_the_programs_order(
    client: httpx.AsyncClient, asked: OpenRound
) -> None:
    assert await topics(client, asked.cycle_id) == [
        row("ai", "Artificial intelligence", 0, 0, 0, 0, 0),
        row("social", "Social media", 0, 0, 0, 0, 0),
    ]


async def test_who_left_and_other_cycles_do_not_count(
    client: httpx.AsyncClient,
    internal_headers: dict[str, str],
    db: Database,
    organization_id: UUID,
    asked: OpenRound,
) -> None:
    mentor = {"role": "mentor", "topics_taught": ["ai"]}
    await enrol(client, internal_headers, asked, mentor, mentor)
    other = await open_enrolment(db, organization_id)
    await enrol(client, internal_headers, other, mentor, mentor, mentor)
    async with db.transaction() as session:
        await session.execute(update(Person).where(Person.id == PEOPLE[0].id).values(active=False))
    counted = {found["topic"]: found["teachers"] for found in await topics(client, asked.cycle_id)}
    assert counted == {"ai": 1, "social": 0}


async def test_another_organization_sees_none_of_it(
    client: httpx.AsyncClient, internal_headers: dict[str, str], asked: OpenRound, access_key: Key
) -> None:
    await enrol(client, internal_headers, asked, {"role": "mentor", "topics_taught": ["ai"]})
    client.headers.update(await access_key(Role.OWNER, uuid4()))
    assert [found["teachers"] for found in await topics(client, asked.cycle_id)] == [0, 0]


async def test_without_the_programs_the_answer_is_to_try_again(
    application: Callable[..., FastAPI], access_key: Key
) -> None:
    away = ModuleType("programs")
    router = APIRouter()

    @router.get("/internal/programs/cycles/{cycle_id}")
    async def fail(cycle_id: UUID) -> None:
        raise RuntimeError

    away.router = router  # type: ignore[attr-defined]  # a module made by hand has no declared names
    async with client_of(application(main, away)) as client:
        answer = await client.get(f"/v1/cycles/{uuid4()}/topics", headers=await access_key(Role.VIEWER))
    assert (answer.status_code, answer.json()["code"]) == (503, "not_available")
