"""An archived program starts no cycle, is left out of the list, and can be restored."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.accounts import main as accounts
from services.console import main as console
from services.intake import main as intake
from services.programs import main as programs
from services.programs.store import cycles
from services.programs.store.programs import read_recurrence
from shared.auth import Role
from shared.contracts.programs import CreatePeriodCycle, ProgramRef
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.page_forms import fields_in
from tests.services.programs_examples import PROGRAM, add_organization, once, staged

KeyMaker = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
async def http(
    db: Database, organization_id: UUID, application: Callable[..., FastAPI], access_key: KeyMaker
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    async with client_of(application(accounts, programs, intake, console)) as client:
        client.headers.update(await access_key(Role.ADMIN))
        yield client


async def made(http: httpx.AsyncClient) -> str:
    """The path of a program that recurs."""
    answer = await http.post("/v1/programs", json={**PROGRAM, "recurs": True}, headers=once({}))
    return f"/programs/{answer.json()['id']}"


async def listed(http: httpx.AsyncClient, **params: str) -> int:
    return len((await http.get("/v1/programs", params=params)).json()["items"])


async def test_an_archived_program_starts_no_cycle_by_hand_or_by_itself_until_it_is_restored(
    http: httpx.AsyncClient, db: Database, organization_id: UUID
) -> None:
    path = await made(http)
    ref = ProgramRef(organization_id=organization_id, program_id=UUID(path[10:]))
    archived = [(await http.post(f"/v1{path}/archive")).json() for _ in range(2)]
    assert archived[0] == archived[1], "archiving twice changes nothing"
    assert archived[0]["archived_at"] is not None
    assert archived[0]["next_recurrence_at"] is None
    refused = await http.post(f"/v1{path}/cycles", headers=once({}))
    assert (refused.status_code, refused.json()["code"]) == (409, "program_archived")
    period = CreatePeriodCycle(**ref.model_dump(), scheduled_at=datetime.now(UTC))
    async with db.transaction() as session:
        assert (await cycles.create_period_cycle(session, period)).cycle_id is None
        assert not (await read_recurrence(session, ref)).recurs
    assert (await listed(http), await listed(http, archived="true")) == (0, 1)
    restored = (await http.post(f"/v1{path}/restore")).json()
    assert (restored["archived_at"], restored["next_recurrence_at"] is None) == (None, False)
    assert (await listed(http), await listed(http, archived="true")) == (1, 0)
    assert (await http.post(f"/v1{path}/cycles", headers=once({}))).status_code == 202
    changes = [kind for kind, _ in await staged(db, organization_id) if kind == "program.schedule_changed"]
    assert len(changes) == 3, "it was made, archived and restored"


async def test_the_page_says_what_archiving_means_and_does_it(http: httpx.AsyncClient, access_key: KeyMaker) -> None:
    page = f"/console{await made(http)}"
    await http.post(f"/v1{page[8:]}/cycles", json={"period": "pilot"}, headers=once({}))
    confirm = await http.get(f"{page}/archive")
    assert "These cycles go on to their end" in confirm.text
    assert "pilot</a>" in confirm.text
    answer = await http.post(f"{page}/archive", data=fields_in(confirm, f"{page}/archive"))
    shown = await http.get(answer.headers["location"])
    assert "The program is archived." in shown.text
    assert f"{page}/start" not in shown.text
    assert "This program is archived" in (await http.get(f"{page}/start")).text
    assert "Digital Upward" not in (await http.get("/console/programs")).text
    assert "Digital Upward" in (await http.get("/console/programs", params={"archived": "true"})).text
    back = await http.post(f"{page}/restore", data=fields_in(shown, f"{page}/restore"))
    assert "The program is restored." in (await http.get(back.headers["location"])).text
    http.headers.update(await access_key(Role.COORDINATOR))
    assert "archive" not in (await http.get(page)).text.partition("<main")[2]
    for what in ("archive", "restore"):
        token = {"form_token": "x.y"}
        assert (await http.post(f"{page}/{what}", data=token)).status_code == 403


async def test_no_program_of_another_organization_is_archived(
    http: httpx.AsyncClient, db: Database, access_key: KeyMaker
) -> None:
    path, other = await made(http), uuid4()
    await add_organization(db, other)
    http.headers.update(await access_key(Role.ADMIN, other))
    for what in ("archive", "restore"):
        assert (await http.post(f"/v1{path}/{what}")).status_code == 404
