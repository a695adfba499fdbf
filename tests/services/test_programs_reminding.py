"""An admin has those reminded who have not answered, and nobody twice within a day."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from services.programs import main
from shared.auth import Role
from shared.contracts.rounds import OpenRound, RoundKind, round_id_for
from shared.database import Database
from shared.rounds.models import Round
from shared.rounds.recipients import Recipient
from shared.rounds.store import open_round
from tests.services.conftest import client_of
from tests.services.programs_examples import PROGRAM, add_organization, once, staged

KeyMaker = Callable[..., Awaitable[dict[str, str]]]
HOUR = timedelta(hours=1)


@pytest.fixture
async def http(
    db: Database, application: Callable[..., FastAPI], access_key: KeyMaker, organization_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    async with client_of(application(main)) as client:
        client.headers.update(await access_key(Role.ADMIN))
        yield client


@pytest.fixture
async def cycle_id(http: httpx.AsyncClient) -> str:
    program = (await http.post("/v1/programs", json=dict(PROGRAM), headers=once({}))).json()
    return str((await http.post(f"/v1/programs/{program['id']}/cycles", headers=once({}))).json()["id"])


async def open_for(db: Database, organization_id: UUID, cycle_id: str, **ago: timedelta) -> UUID:
    """A round of the cycle, whose moments lie so long ago."""
    now = datetime.now(UTC)
    round_id = round_id_for(UUID(cycle_id), RoundKind.ENROLMENT, 1)
    request = OpenRound(
        organization_id=organization_id, cycle_id=UUID(cycle_id), round_id=round_id, kind=RoundKind.ENROLMENT,
        number=1, closes_at=now + 100 * HOUR,
    )  # fmt: skip
    async with db.transaction() as session:
        await open_round(session, request, [Recipient(uuid4(), UUID(cycle_id))])
        moments: dict[str, Any] = {name: now - length for name, length in ago.items()}
        await session.execute(update(Round).where(Round.id == round_id).values(moments))
    return round_id


async def remind(http: httpx.AsyncClient, cycle_id: str) -> httpx.Response:
    return await http.post(f"/v1/cycles/{cycle_id}/remind")


async def test_a_wish_is_told_once_and_refused_for_the_next_24_hours(
    http: httpx.AsyncClient, cycle_id: str, db: Database, organization_id: UUID
) -> None:
    round_id = await open_for(db, organization_id, cycle_id, opened_at=25 * HOUR)
    answer = await remind(http, cycle_id)
    assert (answer.status_code, answer.json()["id"]) == (202, cycle_id)
    again = await remind(http, cycle_id)
    assert (again.status_code, again.json()["code"]) == (429, "reminded_recently")
    assert 0 < int(again.headers["retry-after"]) <= 24 * 3600
    wishes = [data for kind, data in await staged(db, organization_id) if kind == "round.reminder_requested"]
    assert wishes == [{"round_id": str(round_id), "cycle_id": cycle_id, "kind": "enrolment"}]


@pytest.mark.parametrize("recent", ["opened_at", "told_at", "reminder_requested_at"])
async def test_whoever_was_told_anything_in_the_last_day_is_not_reminded(
    http: httpx.AsyncClient, cycle_id: str, db: Database, organization_id: UUID, recent: str
) -> None:
    await open_for(db, organization_id, cycle_id, **{"opened_at": 50 * HOUR, recent: 23 * HOUR})
    refused = await remind(http, cycle_id)
    assert (refused.status_code, refused.json()["code"]) == (429, "reminded_recently")
    assert int(refused.headers["retry-after"]) < 2 * 3600
    assert "round.reminder_requested" not in [kind for kind, _ in await staged(db, organization_id)]


async def test_a_paused_cycle_and_one_without_an_open_round_remind_nobody(
    http: httpx.AsyncClient, cycle_id: str, db: Database, organization_id: UUID
) -> None:
    nothing = await remind(http, cycle_id)
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_remind")
    await open_for(db, organization_id, cycle_id, opened_at=50 * HOUR)
    await http.post(f"/v1/cycles/{cycle_id}/pause")
    paused = await remind(http, cycle_id)
    assert (paused.status_code, paused.json()["code"]) == (409, "cycle_paused")


async def test_coordinators_remind_and_viewers_do_not(
    http: httpx.AsyncClient, cycle_id: str, access_key: KeyMaker, db: Database, organization_id: UUID
) -> None:
    await open_for(db, organization_id, cycle_id, opened_at=25 * HOUR)
    for role, status in ((Role.VIEWER, 403), (Role.COORDINATOR, 202)):
        answer = await http.post(f"/v1/cycles/{cycle_id}/remind", headers=await access_key(role))
        assert answer.status_code == status
