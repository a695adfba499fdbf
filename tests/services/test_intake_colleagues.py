"""A participant finds people whom they know, and lists nobody."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, func, select, update

from services.intake import main
from services.intake.models import Link, Person
from services.intake.rules.links import hash_token
from services.intake.store.colleagues import MOST_SEARCHES, TooManySearches, find_colleagues
from services.intake.store.links import mint_links
from shared.contracts.intake import FindColleagues, MintLinks
from shared.contracts.rounds import OpenRound, RoundKind
from shared.database import Database
from shared.rounds.models import Round, RoundRecipient
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, open_enrolment, person

ANN = person("ann@x.example")
BOB = person("bobby@x.example")
LEFT = person("bobleft@x.example", active=False)
AWAY = person("bobaway@x.example")._replace(department="Finance")
NIL = {"upward-organization": str(UUID(int=0))}


@pytest.fixture
async def client(
    application: Callable[..., FastAPI], internal_headers: dict[str, str]
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(main)) as client:
        client.headers.update(internal_headers | NIL)
        yield client


@pytest.fixture
async def asked(db: Database, organization_id: UUID) -> OpenRound:
    await add_people(db, organization_id, ANN, BOB, LEFT, AWAY)
    return await open_enrolment(db, organization_id)


async def link_of(db: Database, asked: OpenRound, kind: RoundKind = RoundKind.ENROLMENT) -> str:
    request = MintLinks(round_id=asked.round_id, kind=kind, cycle_id=asked.cycle_id, person_ids=(ANN.id,))
    async with db.transaction() as session:
        return (await mint_links(session, asked.organization_id, request)).links[0].token


async def search(client: httpx.AsyncClient, token: str, text: str) -> httpx.Response:
    return await client.post("/internal/intake/links/colleagues", json={"token": token, "text": text})


async def found(client: httpx.AsyncClient, token: str, text: str) -> list[str]:
    response = await search(client, token, text)
    assert response.status_code == 200, response.text
    return [one["email"] for one in response.json()["people"]]


async def test_names_are_found_in_ones_own_department_by_how_they_begin(
    client: httpx.AsyncClient, db: Database, asked: OpenRound
) -> None:
    token = await link_of(db, asked)
    assert await found(client, token, " BOB ") == [BOB.email]
    assert await found(client, token, "exa") == [BOB.email], "a family name too, and never oneself"
    assert await found(client, token, "obb") == []
    assert await found(client, token, "b%y") == []


async def test_an_address_is_found_as_a_whole_in_every_department(
    client: httpx.AsyncClient, db: Database, asked: OpenRound
) -> None:
    token = await link_of(db, asked)
    assert await found(client, token, AWAY.email.upper()) == [AWAY.email]
    assert await found(client, token, "@x.example") == []
    assert await found(client, token, LEFT.email) == []


async def test_few_letters_and_other_links_find_nobody(
    client: httpx.AsyncClient, db: Database, asked: OpenRound
) -> None:
    short = await search(client, await link_of(db, asked), "bo ")
    assert (short.status_code, short.json()["code"]) == (422, "too_few_letters")
    other = await search(client, await link_of(db, asked, RoundKind.CHECK_IN), "bob")
    assert (other.status_code, other.json()["code"]) == (404, "link_unknown")


async def test_five_people_are_shown_at_most(
    client: httpx.AsyncClient, db: Database, asked: OpenRound, organization_id: UUID
) -> None:
    await add_people(db, organization_id, *(person(f"mia{letter}@x.example") for letter in "abcdef"))
    answer: dict[str, Any] = (await search(client, await link_of(db, asked), "mia")).json()
    assert (len(answer["people"]), answer["more"]) == (5, True)


async def test_searches_at_once_count_each_other(database: Database) -> None:
    """With connections of their own, as a savepoint of one transaction would hide the race."""
    organization_id = uuid4()
    await add_people(database, organization_id, ANN)
    token = await link_of(database, await open_enrolment(database, organization_id))

    async def one_search() -> bool:
        try:
            async with database.transaction() as session:
                await find_colleagues(session, FindColleagues(token=token, text="nobody@x.example"))
        except TooManySearches:
            return False
        return True

    try:
        answered = await asyncio.gather(*(one_search() for _ in range(MOST_SEARCHES + 5)))
        assert sum(answered) == MOST_SEARCHES
    finally:
        async with database.transaction() as session:
            for table in (Link, RoundRecipient, Round, Person):
                await session.execute(delete(table).where(table.organization_id == organization_id))


async def test_a_link_searches_ten_times_an_hour(client: httpx.AsyncClient, db: Database, asked: OpenRound) -> None:
    token = await link_of(db, asked)
    for _ in range(10):
        await found(client, token, "nobody@x.example")
    refused = await search(client, token, "bob")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_searches")
    async with db.transaction() as session:
        now = await session.scalar(select(func.now()))
        assert isinstance(now, datetime)
        past = [now - timedelta(minutes=61 if number < 4 else 30) for number in range(10)]
        await session.execute(update(Link).where(Link.token_hash == hash_token(token)).values(searched_at=past))
    assert await found(client, token, "bob") == [BOB.email]
