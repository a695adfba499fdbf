"""Absences: who stands in for somebody, and on which days."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.intake import main
from services.intake.models import Absence
from services.intake.person import PersonRecord
from shared.auth import Role
from shared.contracts.intake import Contacts
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person

People = dict[str, PersonRecord]
TODAY = datetime.now(UTC).date()
LATER = TODAY + timedelta(days=14)


@pytest.fixture
async def people(db: Database, organization_id: UUID) -> People:
    found = {name: person(f"{name}@x.example", active=name != "lea") for name in ("ann", "ben", "lea", "foreign")}
    await add_people(db, organization_id, *(found[name] for name in ("ann", "ben", "lea")))
    await add_people(db, uuid4(), found["foreign"])
    return found


@pytest.fixture
async def client(
    application: Callable[..., FastAPI], access_key: Callable[..., Awaitable[dict[str, str]]]
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(main)) as client:
        client.headers.update(await access_key(Role.COORDINATOR))
        yield client


def absence(deputy: PersonRecord, first: date = TODAY, last: date = LATER) -> dict[str, Any]:
    return {"deputy_id": str(deputy.id), "first_day": first.isoformat(), "last_day": last.isoformat()}


async def test_an_absence_is_set_replaced_read_by_other_services_and_ended(
    client: httpx.AsyncClient, people: People, internal_headers: dict[str, str]
) -> None:
    ann, ben = people["ann"], people["ben"]
    path = f"/v1/people/{ann.id}/absence"
    assert (await client.get(path)).json()["code"] == "absence_not_found"
    for last in (LATER, TODAY):
        answer = await client.put(path, json=absence(ben, last=last))
        assert answer.json() == {"person_id": str(ann.id), **absence(ben, last=last)}
        assert (await client.get(path)).json() == answer.json()
    asked = {"person_ids": [str(ann.id), str(ben.id)]}
    read = await client.post("/internal/intake/contacts", json=asked, headers=internal_headers)
    away = {one.person_id: one.away for one in Contacts.model_validate(read.json()).contacts}
    assert away[ben.id] is None
    found = away[ann.id]
    assert found is not None
    assert (found.deputy_id, found.covers(TODAY), found.covers(TODAY + timedelta(days=1))) == (ben.id, True, False)
    assert [(await client.delete(path)).status_code for _ in range(2)] == [204, 404]


@pytest.mark.parametrize("who", ["lea", "foreign", "ann"])
async def test_a_deputy_who_has_left_is_of_another_organization_or_is_the_person_is_refused(
    client: httpx.AsyncClient, people: People, who: str
) -> None:
    answer = await client.put(f"/v1/people/{people['ann'].id}/absence", json=absence(people[who]))
    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (422, ["body.deputy_id"])


@pytest.mark.parametrize(
    ("first", "last"),
    [(LATER, TODAY), (TODAY - timedelta(days=9), TODAY - timedelta(days=3)), (TODAY, TODAY + timedelta(days=800))],
)
async def test_days_that_are_not_in_order_over_or_far_ahead_are_refused(
    client: httpx.AsyncClient, people: People, first: date, last: date
) -> None:
    answer = await client.put(f"/v1/people/{people['ann'].id}/absence", json=absence(people["ben"], first, last))
    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (422, ["body.last_day"])


@pytest.mark.parametrize("who", ["lea", "foreign"])
async def test_nobody_stands_in_for_somebody_who_does_not_work_here(
    client: httpx.AsyncClient, people: People, who: str
) -> None:
    answer = await client.put(f"/v1/people/{people[who].id}/absence", json=absence(people["ben"]))
    assert (answer.status_code, answer.json()["code"]) == (404, "person_not_found")


async def test_an_absence_that_is_over_is_told_to_nobody(
    client: httpx.AsyncClient, people: People, internal_headers: dict[str, str], db: Database, organization_id: UUID
) -> None:
    over = TODAY - timedelta(days=5)
    async with db.transaction() as session:
        session.add(
            Absence(
                organization_id=organization_id, person_id=people["ann"].id, deputy_id=people["ben"].id,
                first_day=over, last_day=over,
            )
        )  # fmt: skip
    asked = {"person_ids": [str(people["ann"].id)]}
    read = await client.post("/internal/intake/contacts", json=asked, headers=internal_headers)
    assert [one["away"] for one in read.json()["contacts"]] == [None]
