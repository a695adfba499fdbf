"""How many people have enrolled can be read while the enrolment round runs, and not only on the page of the console."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import update

import services.intake.main as intake
import services.programs.main as programs
from services.intake.models import Person
from services.intake.rules.applications import Application
from services.intake.store.enrolments import save_enrolment
from shared.auth import Role
from shared.contracts.intake import EnrolmentRole
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.intake_examples import add_people, person
from tests.services.programs_examples import PROGRAM, add_organization, once

KeyMaker = Callable[..., Awaitable[dict[str, str]]]


async def request_cycle(client: Any, headers: dict[str, str]) -> str:
    made = (await client.post("/v1/programs", json=PROGRAM, headers=once(headers))).json()
    asked = await client.post(f"/v1/programs/{made['id']}/cycles", headers=once(headers))
    assert (asked.status_code, asked.json()["enrolled"]) == (202, None)
    return str(asked.json()["id"])


async def test_a_cycle_says_how_many_have_enrolled_and_have_not_left(
    db: Database, application: Callable[..., FastAPI], access_key: KeyMaker, organization_id: UUID
) -> None:
    await add_organization(db, organization_id)
    here = [person(f"{name}@example.org") for name in ("ada", "bob", "cem", "dee")]
    await add_people(db, organization_id, *here)
    admin, viewer = await access_key(Role.ADMIN), await access_key(Role.VIEWER)
    async with client_of(application(programs, intake)) as client:
        cycle_id = await request_cycle(client, admin)

        async def enrolled() -> Any:
            answer = await client.get(f"/v1/cycles/{cycle_id}", headers=viewer)
            assert answer.status_code == 200, answer.text
            return answer.json()["enrolled"]

        assert await enrolled() == 0
        roles = (EnrolmentRole.MENTOR, EnrolmentRole.MENTEE, EnrolmentRole.BOTH, None)
        async with db.transaction() as session:
            for one, role in zip(here, roles, strict=True):
                answer = Application(role, [], {}, [], 1, 1, [], [], [], [])
                await save_enrolment(session, organization_id, UUID(cycle_id), one.id, answer)
        assert await enrolled() == 3
        async with db.transaction() as session:
            await session.execute(update(Person).where(Person.id == here[0].id).values(active=False))
        assert await enrolled() == 2


async def test_a_cycle_can_be_read_while_intake_is_away(
    db: Database, application: Callable[..., FastAPI], access_key: KeyMaker, organization_id: UUID
) -> None:
    await add_organization(db, organization_id)
    admin = await access_key(Role.ADMIN)
    async with client_of(application(programs)) as client:
        cycle_id = await request_cycle(client, admin)
        answer = await client.get(f"/v1/cycles/{cycle_id}", headers=admin)
    assert (answer.status_code, answer.json()["enrolled"]) == (200, None)
