"""Supply of and demand for topics: an admin sees what is missing while enrolment is open."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import update

from services.intake import main
from services.intake.models import Person
from services.intake.person import PersonRecord
from shared.auth import Role
from shared.contracts.rounds import OpenRound
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, open_enrolment, person, programs

PEOPLE = [person(f"p{number:02}@x.example") for number in range(16)]
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


async def enrol(
    client: httpx.AsyncClient,
    headers: dict[str, str],
    asked: OpenRound,
    *answers: Any,
    to: Sequence[PersonRecord] = PEOPLE,
) -> None:
    """The first of these people answer."""
    for one, answer in zip(to, answers, strict=False):
        path = f"/internal/intake/rounds/{asked.round_id}/answers/{one.id}"
        assert (await client.post(path, json=answer, headers=headers)).status_code == 200


async def topics(client: httpx.AsyncClient, cycle_id: UUID) -> list[dict[str, Any]]:
    response = await client.get(f"/v1/cycles/{cycle_id}/topics")
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["items"]
    return found


def row(topic: str, label: str, *counts: int | None) -> dict[str, Any]:
    """A topic with these figures; with none of them if there are no counts."""
    names = ("teachers", "places", "wanted_by", "first_choice_of", "gap")
    shown = dict(zip(names, counts or [None] * len(names), strict=True))
    return {"topic": topic, "label": label, **shown, "suppressed": None in list(shown.values())[:4]}


AI_TEACHER = {"role": "mentor", "topics_taught": ["ai"], "mentor_capacity": 2}
SOCIAL_LEARNER = {"role": "mentee", "topics_wanted": ["social", "ai"], "topics_taught": ["social"]}
HIDDEN = [row("ai", "Artificial intelligence"), row("social", "Social media")]


async def test_every_topic_is_counted_and_what_lacks_most_places_comes_first(
    client: httpx.AsyncClient, internal_headers: dict[str, str], asked: OpenRound
) -> None:
    teachers = [AI_TEACHER, {"role": "both", "topics_taught": ["KI"], "topics_wanted": ["social"]}] * 3
    await enrol(client, internal_headers, asked, *teachers, *[SOCIAL_LEARNER] * 5, {"role": None})
    assert await topics(client, asked.cycle_id) == [
        row("social", "Social media", None, None, 8, 8, None),
        row("ai", "Artificial intelligence", 6, 9, 5, None, 0),
    ]


async def test_before_five_have_enrolled_all_topics_are_there_without_figures(
    client: httpx.AsyncClient, internal_headers: dict[str, str], asked: OpenRound
) -> None:
    assert await topics(client, asked.cycle_id) == HIDDEN
    await enrol(client, internal_headers, asked, *[AI_TEACHER] * 4, {"role": None}, {"role": None})
    assert await topics(client, asked.cycle_id) == HIDDEN
    await enrol(client, internal_headers, asked, *[AI_TEACHER] * 5)
    found = await topics(client, asked.cycle_id)
    assert row("ai", "Artificial intelligence", 5, 10, None, None, None) in found


async def test_whoever_polls_around_each_answer_does_not_learn_it(
    client: httpx.AsyncClient, internal_headers: dict[str, str], asked: OpenRound
) -> None:
    """Figures change when five people have enrolled since they last did, in whichever way these answered."""
    await enrol(client, internal_headers, asked, *[AI_TEACHER] * 5)
    seen = [await topics(client, asked.cycle_id)]
    changed = [5]
    for number in range(5, len(PEOPLE)):
        await enrol(client, internal_headers, asked, AI_TEACHER, to=[PEOPLE[number]])
        if (now := await topics(client, asked.cycle_id)) != seen[-1]:
            seen.append(now)
            changed.append(number + 1)
    assert changed == [5, 10, 15]
    assert [[one["teachers"] for one in found if one["topic"] == "ai"] for found in seen] == [[5], [10], [15]]


async def test_a_changed_answer_is_not_told_by_itself_either(
    client: httpx.AsyncClient, internal_headers: dict[str, str], asked: OpenRound
) -> None:
    await enrol(client, internal_headers, asked, *[AI_TEACHER] * 7)
    before = await topics(client, asked.cycle_id)
    for _ in range(6):
        await enrol(client, internal_headers, asked, SOCIAL_LEARNER)
        await enrol(client, internal_headers, asked, {"role": None})
    await enrol(client, internal_headers, asked, *[{"role": None}] * 6)
    assert await topics(client, asked.cycle_id) == before, "the same person again, and people who do not take part"


async def test_who_left_and_other_cycles_do_not_count(
    client: httpx.AsyncClient,
    internal_headers: dict[str, str],
    db: Database,
    organization_id: UUID,
    asked: OpenRound,
) -> None:
    await enrol(client, internal_headers, asked, *[AI_TEACHER] * 6)
    other = await open_enrolment(db, organization_id)
    await enrol(client, internal_headers, other, *[AI_TEACHER] * 9)
    async with db.transaction() as session:
        await session.execute(update(Person).where(Person.id == PEOPLE[0].id).values(active=False))
    counted = {found["topic"]: found["teachers"] for found in await topics(client, asked.cycle_id)}
    assert counted == {"ai": 5, "social": None}


async def test_that_somebody_left_is_not_told_by_the_figures(
    client: httpx.AsyncClient, internal_headers: dict[str, str], db: Database, asked: OpenRound
) -> None:
    await enrol(client, internal_headers, asked, *[AI_TEACHER] * 6)
    before = await topics(client, asked.cycle_id)
    async with db.transaction() as session:
        await session.execute(update(Person).where(Person.id == PEOPLE[0].id).values(active=False))
    assert await topics(client, asked.cycle_id) == before


async def test_another_organization_sees_none_of_it(
    client: httpx.AsyncClient, internal_headers: dict[str, str], asked: OpenRound, access_key: Key
) -> None:
    await enrol(client, internal_headers, asked, *[AI_TEACHER] * 9)
    client.headers.update(await access_key(Role.OWNER, uuid4()))
    assert await topics(client, asked.cycle_id) == HIDDEN


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
    assert answer.headers["retry-after"]
