"""A program names active people of its organization only, and says which of them it does not know."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

import services.intake.main as intake
import services.programs.main as programs
from services.intake.models import Person
from shared.auth import Role
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person
from tests.services.programs_examples import PROGRAM, add_organization, once

Headers = dict[str, str]
KeyMaker = Callable[..., Awaitable[Headers]]


@pytest.fixture
async def http(
    db: Database, application: Callable[..., FastAPI], organization_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    async with client_of(application(programs, intake)) as client:
        yield client


@pytest.fixture
async def strangers(db: Database, organization_id: UUID) -> list[UUID]:
    """Somebody who has left, somebody of another organization, and nobody."""
    left, theirs, other = person("left@example.org", active=False), person("ada@example.org"), uuid4()
    await add_organization(db, other)
    await add_people(db, organization_id, left)
    await add_people(db, other, theirs)
    return [left.id, theirs.id, uuid4()]


async def test_a_sponsor_and_coordinators_are_active_people_of_the_directory(
    http: httpx.AsyncClient, access_key: KeyMaker, db: Database, organization_id: UUID, strangers: list[UUID]
) -> None:
    admin, here = await access_key(Role.ADMIN), person("here@example.org")
    await add_people(db, organization_id, here)
    right = {**PROGRAM, "sponsor_id": str(here.id), "coordinator_ids": [str(here.id)]}
    made = (await http.post("/v1/programs", json=right, headers=once(admin))).json()
    assert made["coordinator_ids"] == [str(here.id)]
    path, edit = f"/v1/programs/{made['id']}", {**admin, "if-match": "*"}
    for stranger in map(str, strangers):
        for wrong, field in (
            ({"sponsor_id": stranger}, "body.sponsor_id"),
            ({"coordinator_ids": [str(here.id), stranger]}, "body.coordinator_ids.1"),
        ):
            for answer in (
                await http.post("/v1/programs", json=right | wrong, headers=once(admin)),
                await http.put(path, json=right | wrong, headers=edit),
            ):
                assert (answer.status_code, answer.json()["code"]) == (422, "unknown_person"), answer.text
                assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await http.get(path, headers=admin)).json() == made


async def test_a_repeat_gets_its_first_answer_although_somebody_has_left_since(
    http: httpx.AsyncClient, access_key: KeyMaker, db: Database, organization_id: UUID
) -> None:
    headers, here = once(await access_key(Role.ADMIN)), person("here@example.org")
    await add_people(db, organization_id, here)
    body: dict[str, Any] = {**PROGRAM, "sponsor_id": str(here.id)}
    first = await http.post("/v1/programs", json=body, headers=headers)
    assert first.status_code == 201, first.text
    async with db.transaction() as session:
        await session.execute(update(Person).where(Person.id == here.id).values(active=False))
    again = await http.post("/v1/programs", json=body, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
