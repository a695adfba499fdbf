"""Who has not answered: by name for enrolment and acceptance, and never for check-ins and surveys."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from services.intake import main
from shared.auth import Role
from shared.contracts.rounds import OpenRound, RoundKind, round_id_for
from shared.database import Database
from shared.rounds.models import RoundRecipient
from shared.rounds.recipients import Recipient
from shared.rounds.store import open_round
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person

Key = Callable[..., Awaitable[dict[str, str]]]
ADA, BEA, CY, DEE = (person(f"{name}@example.org") for name in ("ada", "bea", "cy", "dee"))
NOW = datetime.now(UTC)


@pytest.fixture
async def client(
    application: Callable[..., FastAPI], access_key: Key, db: Database, organization_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    await add_people(db, organization_id, ADA, BEA, CY, DEE)
    async with client_of(application(main)) as client:
        client.headers.update(await access_key(Role.COORDINATOR))
        yield client


async def ask(db: Database, organization_id: UUID, kind: RoundKind) -> UUID:
    """Ada is asked about two pairs, the others about one each. Cy has answered, and Dee is excused."""
    cycle_id = uuid4()
    request = OpenRound(
        organization_id=organization_id,
        cycle_id=cycle_id,
        round_id=round_id_for(cycle_id, kind, 1),
        kind=kind,
        number=1,
        closes_at=NOW + timedelta(days=1),
    )
    asked = [Recipient(one.id, uuid4()) for one in (ADA, ADA, BEA, CY, DEE)]
    async with db.transaction() as session:
        await open_round(session, request, asked)
        for one, values in ((CY, {"answered_at": NOW}), (DEE, {"excused_at": NOW})):
            await session.execute(update(RoundRecipient).where(RoundRecipient.person_id == one.id).values(**values))
    return request.round_id


@pytest.mark.parametrize("kind", [RoundKind.ENROLMENT, RoundKind.ACCEPTANCE])
async def test_coordinators_read_who_has_not_answered_enrolment_and_acceptance(
    client: httpx.AsyncClient, db: Database, organization_id: UUID, kind: RoundKind
) -> None:
    path = f"/v1/rounds/{await ask(db, organization_id, kind)}/pending"
    answer = (await client.get(path)).json()
    assert [(one["name"], one["missing"]) for one in answer["items"]] == [("Ada Example", 2), ("Bea Example", 1)]
    assert answer["total"] == 2
    first = (await client.get(path, params={"limit": 1, "sort": "-name"})).json()
    async with db.transaction() as session:  # whoever answers meanwhile leaves nobody out
        bea = RoundRecipient.person_id == BEA.id
        await session.execute(update(RoundRecipient).where(bea).values(answered_at=NOW))
    rest = (await client.get(path, params={"sort": "-name", "cursor": first["next"]})).json()
    assert [one["email"] for one in (*first["items"], *rest["items"])] == ["bea@example.org", "ada@example.org"]
    assert (await client.get(path, params={"q": "cy"})).json()["items"] == []


@pytest.mark.parametrize("kind", [RoundKind.CHECK_IN, RoundKind.SURVEY])
@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
async def test_nobody_reads_who_has_not_answered_a_check_in_or_a_survey(
    client: httpx.AsyncClient, access_key: Key, db: Database, organization_id: UUID, kind: RoundKind, accept: str
) -> None:
    path = f"/v1/rounds/{await ask(db, organization_id, kind)}/pending"
    for role in (Role.COORDINATOR, Role.OWNER):
        answer = await client.get(path, headers=await access_key(role) | {"accept": accept})
        assert (answer.status_code, answer.json()["code"]) == (403, "pending_not_named")


async def test_viewers_and_other_organizations_read_nothing(
    client: httpx.AsyncClient, access_key: Key, db: Database, organization_id: UUID
) -> None:
    path = f"/v1/rounds/{await ask(db, organization_id, RoundKind.ENROLMENT)}/pending"
    assert (await client.get(path, headers=await access_key(Role.VIEWER))).status_code == 403
    assert (await client.get(path, headers=await access_key(Role.OWNER, uuid4()))).status_code == 404


async def test_other_services_find_people_by_words(client: httpx.AsyncClient, internal_headers: dict[str, str]) -> None:
    answer = await client.post(
        "/internal/intake/people/find", json={"words": "example.org BEA"}, headers=internal_headers
    )
    assert answer.json() == {"person_ids": [str(BEA.id)], "after": None}
