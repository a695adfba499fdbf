"""What the enrolment page and its answer need is read once: how many requests services make to each other for them."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from services.console import main as console
from services.intake import main as intake
from shared.contracts.base import Service
from shared.contracts.rounds import OpenRound, RoundKind
from shared.database import Database
from shared.http.internal import Internal
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, open_enrolment, person, programs

ANN, BOB = person("ann@x.example")._replace(time_zone="Asia/Tokyo"), person("bob@x.example")


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The services that were asked by others, in order."""
    asked: list[str] = []
    call: Callable[..., Any] = Internal._call

    async def count(self: Internal, method: str, service: Service, path: str, *given: Any, **named: Any) -> Any:
        asked.append(f"{service.value} {path.split('/')[1]}")
        return await call(self, method, service, path, *given, **named)

    monkeypatch.setattr(Internal, "_call", count)
    return asked


@pytest.fixture
async def asked(db: Database, organization_id: UUID) -> OpenRound:
    await add_people(db, organization_id, ANN, BOB)
    return await open_enrolment(db, organization_id)


@pytest.fixture
async def client(application: Callable[..., FastAPI]) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(console, intake, programs())) as client:
        yield client


@pytest.fixture
async def links(client: httpx.AsyncClient, internal_headers: dict[str, str], asked: OpenRound) -> list[str]:
    """The addresses of the two people's pages."""
    body = {
        "round_id": str(asked.round_id),
        "cycle_id": str(asked.cycle_id),
        "kind": RoundKind.ENROLMENT.value,
        "person_ids": [str(ANN.id), str(BOB.id)],
    }
    minted = await client.post("/internal/intake/links", json=body, headers=internal_headers)
    tokens = {link["person_id"]: link["token"] for link in minted.json()["links"]}
    return [f"/p/{tokens[str(one.id)]}" for one in (ANN, BOB)]


RESOLVE, BRIEF, FORM, ANSWER = "intake links", "programs cycles", "intake rounds", "intake rounds"
TOPICS = "programs cycles"
OWN = ["accounts brand", "notifications page-words"]
"""How the organization shows itself, and its own words."""
MENTOR = {"role": "mentor", "topics_taught": "ai"}


async def test_a_page_and_an_answer_need_no_more_than_these_requests(
    client: httpx.AsyncClient, links: list[str], requests: list[str]
) -> None:
    """Intake asks for the topics of a cycle once; the first reader's page is the one that pays for it."""
    ann, bob = links

    async def made(status: int, method: str, path: str, **form: Any) -> list[str]:
        requests.clear()
        response = await client.request(method, path, **form)
        assert response.status_code == status, response.text
        return sorted(requests)

    assert await made(200, "GET", ann) == sorted([RESOLVE, BRIEF, FORM, *OWN, TOPICS])
    assert await made(200, "GET", bob) == sorted([RESOLVE, BRIEF, FORM, *OWN])
    assert await made(303, "POST", bob, data=MENTOR) == sorted([RESOLVE, ANSWER])
    wrong = await made(422, "POST", bob, data=MENTOR | {"topics_taught": "x"})
    assert wrong == sorted([RESOLVE, ANSWER, BRIEF, FORM, *OWN])
    assert await made(200, "GET", f"{bob}/done") == sorted([RESOLVE, BRIEF, FORM, *OWN])


async def test_the_page_shows_times_in_the_reader_s_own_zone(client: httpx.AsyncClient, links: list[str]) -> None:
    assert "(Tokyo time)" in (await client.get(links[0])).text
    assert "(Tokyo time)" in (await client.get(f"{links[0]}/done")).text
