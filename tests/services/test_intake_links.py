"""Contacts and participants' links."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from services.intake import main
from services.intake.models import Link, Person
from services.intake.rules.links import hash_token
from services.intake.store.people import change_people
from shared.contracts.rounds import OpenRound
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, open_enrolment, person, set_round_state

ANN = person("ann@x.example")
BOB = person("bob@x.example")
NIL = {"upward-organization": str(UUID(int=0))}


@pytest.fixture
async def client(
    application: Callable[..., FastAPI], internal_headers: dict[str, str]
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(main)) as client:
        client.headers.update(internal_headers)
        yield client


@pytest.fixture
async def asked(db: Database, organization_id: UUID) -> OpenRound:
    await add_people(db, organization_id, ANN, BOB)
    return await open_enrolment(db, organization_id)


async def mint(client: httpx.AsyncClient, asked: OpenRound, *people: UUID) -> dict[str, str]:
    body = {
        "round_id": str(asked.round_id),
        "kind": "enrolment",
        "cycle_id": str(asked.cycle_id),
        "person_ids": [str(one) for one in people],
    }
    response = await client.post("/internal/intake/links", json=body)
    assert response.status_code == 200, response.text
    return {link["person_id"]: link["token"] for link in response.json()["links"]}


async def resolve(client: httpx.AsyncClient, token: Any) -> httpx.Response:
    return await client.post("/internal/intake/links/resolve", json={"token": token}, headers=NIL)


async def test_a_link_leads_to_its_person_and_round_without_naming_the_organization(
    client: httpx.AsyncClient, asked: OpenRound, organization_id: UUID
) -> None:
    links = await mint(client, asked, ANN.id, BOB.id, ANN.id)
    grant = (await resolve(client, links[str(ANN.id)])).json()

    assert links.keys() == {str(ANN.id), str(BOB.id)}
    assert grant["organization_id"] == str(organization_id)
    assert (grant["person_id"], grant["given_name"], grant["kind"]) == (str(ANN.id), "Ann", "enrolment")
    assert grant["language"] == "it"
    assert (grant["round_id"], grant["cycle_id"]) == (str(asked.round_id), str(asked.cycle_id))


async def test_only_hashes_of_long_random_tokens_are_stored(
    client: httpx.AsyncClient, db: Database, asked: OpenRound
) -> None:
    token = (await mint(client, asked, ANN.id))[str(ANN.id)]
    async with db.transaction() as session:
        row = (await session.scalars(select(Link))).one()

    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
    assert row.token_hash == hash_token(token) != token
    assert row.expires_at - row.minted_at == timedelta(days=180)


async def test_earlier_links_of_a_round_stay_valid(client: httpx.AsyncClient, asked: OpenRound) -> None:
    first = (await mint(client, asked, ANN.id))[str(ANN.id)]
    second = (await mint(client, asked, ANN.id))[str(ANN.id)]

    assert first != second
    assert [(await resolve(client, token)).status_code for token in (first, second)] == [200, 200]


async def test_a_link_acts_only_while_its_round_is_open(
    client: httpx.AsyncClient, db: Database, asked: OpenRound
) -> None:
    token = (await mint(client, asked, ANN.id))[str(ANN.id)]
    await set_round_state(db, asked.round_id, "closed", "deadline")

    refused = await resolve(client, token)
    assert (refused.status_code, refused.json()["code"]) == (410, "round_closed")


async def test_a_link_ends_after_its_time(client: httpx.AsyncClient, db: Database, asked: OpenRound) -> None:
    token = (await mint(client, asked, ANN.id))[str(ANN.id)]
    async with db.transaction() as session:
        await session.execute(update(Link).values(expires_at=Link.minted_at - timedelta(seconds=1)))

    refused = await resolve(client, token)
    assert (refused.status_code, refused.json()["code"]) == (410, "link_expired")


async def test_the_link_of_somebody_who_left_has_expired_and_tells_nothing(
    client: httpx.AsyncClient, db: Database, asked: OpenRound
) -> None:
    links = await mint(client, asked, ANN.id, BOB.id)
    async with db.transaction() as session:
        expired = update(Link).where(Link.person_id == BOB.id).values(expires_at=Link.minted_at - timedelta(seconds=1))
        await session.execute(expired)
    await set_active(db, ANN.id, active=False)

    left, over = await resolve(client, links[str(ANN.id)]), await resolve(client, links[str(BOB.id)])
    assert (left.status_code, left.json()["code"]) == (410, "link_expired")
    assert left.json() == over.json(), "nobody can tell who has left from whose time is over"
    await set_active(db, ANN.id, active=True)
    assert (await resolve(client, links[str(ANN.id)])).status_code == 200


async def test_a_link_whose_round_is_over_still_tells_whom_to_ask_and_one_that_allows_nothing_does_not(
    client: httpx.AsyncClient, db: Database, asked: OpenRound, organization_id: UUID
) -> None:
    links = await mint(client, asked, ANN.id, BOB.id)
    await set_round_state(db, asked.round_id, "closed", "deadline")
    origin = await client.post("/internal/intake/links/origin", json={"token": links[str(ANN.id)]}, headers=NIL)
    assert origin.json() == {
        "organization_id": str(organization_id),
        "cycle_id": str(asked.cycle_id),
        "language": "it",
    }
    async with db.transaction() as session:
        expired = update(Link).where(Link.person_id == BOB.id).values(expires_at=Link.minted_at - timedelta(seconds=1))
        await session.execute(expired)
    await set_active(db, ANN.id, active=False)
    for token in (*links.values(), "x" * 43):
        refused = await client.post("/internal/intake/links/origin", json={"token": token}, headers=NIL)
        assert (refused.status_code, refused.json()["code"]) == (404, "link_unknown")


async def set_active(db: Database, person_id: UUID, *, active: bool) -> None:
    async with db.transaction() as session:
        await session.execute(update(Person).where(Person.id == person_id).values(active=active))


async def test_unknown_links_are_not_found_and_not_repeated(client: httpx.AsyncClient) -> None:
    refused = await resolve(client, "x" * 43)

    assert (refused.status_code, refused.json()["code"]) == (404, "link_unknown")
    for token in ("short", "x" * 201, None, 5):
        wrong = await resolve(client, token)
        assert wrong.status_code == 422
        assert "short" not in wrong.json()["errors"][0].values()


async def test_links_are_minted_for_the_organizations_own_people(
    client: httpx.AsyncClient, db: Database, asked: OpenRound
) -> None:
    stranger = person("stranger@x.example")
    await add_people(db, uuid4(), stranger)

    assert await mint(client, asked, stranger.id, uuid4()) == {}


async def test_contacts_are_those_of_the_organization(
    client: httpx.AsyncClient, db: Database, asked: OpenRound
) -> None:
    stranger = person("stranger@x.example")
    await add_people(db, uuid4(), stranger)
    body = {"person_ids": [str(ANN.id), str(stranger.id), str(uuid4())]}
    contacts = (await client.post("/internal/intake/contacts", json=body)).json()["contacts"]

    assert contacts == [
        {
            "person_id": str(ANN.id),
            "name": "Ann Example",
            "given_name": "Ann",
            "email": "ann@x.example",
            "time_zone": "Europe/Rome",
            "language": "it",
            "job_title": "Job",
            "department": "IT",
            "active": True,
            "away": None,
        }
    ]


async def test_a_language_that_no_import_named_is_told_to_nobody(
    client: httpx.AsyncClient, db: Database, asked: OpenRound
) -> None:
    links = await mint(client, asked, ANN.id)
    async with db.transaction() as session:
        await change_people(session, asked.organization_id, [ANN._replace(language="en", language_known=False)])
    contacts = (await client.post("/internal/intake/contacts", json={"person_ids": [str(ANN.id)]})).json()["contacts"]
    assert (contacts[0]["language"], (await resolve(client, links[str(ANN.id)])).json()["language"]) == ("", "")


async def test_wrong_bulk_reads_are_refused(client: httpx.AsyncClient) -> None:
    too_many = [str(uuid4())] * 1001
    for path, body in (
        ("contacts", {}),
        ("contacts", {"person_ids": too_many}),
        ("links", {"person_ids": []}),
        ("links", {"round_id": "x", "kind": "party", "cycle_id": "x", "person_ids": []}),
    ):
        assert (await client.post(f"/internal/intake/{path}", json=body)).status_code == 422


async def test_minting_and_resolving_are_for_services(application: Callable[..., FastAPI]) -> None:
    async with client_of(application(main)) as client:
        for path in ("contacts", "links", "links/resolve", "links/origin"):
            assert (await client.post(f"/internal/intake/{path}", json={})).status_code == 401
