"""The id of a request is taken or made, answered, and stored with the events that follow from it; from there it goes to
the workflows and webhooks that these events move."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from structlog.testing import capture_logs
from temporalio.client import Client

from services.events.log.dispatcher import Dispatcher
from services.events.webhooks.sender import Sender
from services.programs import main
from shared.auth import Role
from shared.contracts.base import Origin
from shared.contracts.events import CyclePaused, CycleRequested
from shared.database import Database
from shared.events import StagedEvent, emit
from shared.tracing import current_origin, following
from tests.services.conftest import client_of
from tests.services.deliveries.conftest import endpoint, receiver, sender
from tests.services.deliveries.stand import drain, tell
from tests.services.dispatch_stand import dispatch, empty_log, record
from tests.services.programs_examples import PROGRAM, add_organization, once
from tests.webhook_receiver import Receiver

__all__ = ["endpoint", "receiver", "sender"]
ORIGIN = Origin(request_id="request-1")


@pytest.fixture
async def http(
    db: Database, application: Callable[..., FastAPI], organization_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    await add_organization(db, organization_id)
    async with client_of(application(main)) as client:
        yield client


@pytest.fixture
async def admin(access_key: Callable[..., Awaitable[dict[str, str]]]) -> dict[str, str]:
    return await access_key(Role.ADMIN)


@pytest.mark.parametrize("given", ["request-1", "a", "01J9.Z_x:1", "7" * 64])
async def test_an_id_that_is_well_formed_is_answered_as_it_came(http: httpx.AsyncClient, given: str) -> None:
    answer = await http.get("/v1/programs", headers={"X-Request-ID": given})
    assert (answer.status_code, answer.headers["x-request-id"]) == (401, given)


@pytest.mark.parametrize("given", ["", "7" * 65, "two words", "-a", "a\\nb", "ä", 'x"y', "a/b"])
async def test_any_other_id_is_replaced_by_a_new_one(http: httpx.AsyncClient, given: str) -> None:
    answer = await http.get("/v1/programs", headers={b"X-Request-ID": given.encode()})
    assert UUID(answer.headers["x-request-id"])


async def test_an_admin_s_change_has_one_log_entry_with_its_ids_and_its_event_knows_the_request(
    http: httpx.AsyncClient, db: Database, organization_id: UUID, admin: dict[str, str]
) -> None:
    program = (await http.post("/v1/programs", json=dict(PROGRAM), headers=once(admin))).json()
    made = await http.post(f"/v1/programs/{program['id']}/cycles", headers=once(admin))
    address = f"/v1/cycles/{made.json()['id']}/pause"
    with capture_logs() as entries:
        assert (await http.post(address, headers=admin | {"x-request-id": "request-1"})).status_code == 202
        assert (await http.get("/v1/programs", headers=admin)).status_code == 200
        assert (await http.post(f"/v1/cycles/{uuid4()}/pause", headers=admin)).status_code == 404
    taken = [entry for entry in entries if entry["event"] == "action.taken"]
    assert taken == [
        {"event": "action.taken", "log_level": "info", "action": "pause_cycle", "cycle_id": made.json()["id"]}
    ]
    async with db.transaction() as session:
        query = select(StagedEvent.origin).where(StagedEvent.organization_id == organization_id)
        assert await session.scalar(query.where(StagedEvent.type == "cycle.paused")) == {"request_id": "request-1"}


async def test_the_workflow_that_an_event_moves_is_told_the_request_of_the_event(
    database: Database, organization_id: UUID
) -> None:
    heard: list[Origin | None] = []

    class Temporal:
        async def start_workflow(self, *arguments: Any, **options: Any) -> None:
            heard.append(current_origin())

    await empty_log(database)
    try:
        with following(ORIGIN):
            await record(database, organization_id, CycleRequested(cycle_id=uuid4(), program_id=uuid4()))
        await record(database, organization_id, CycleRequested(cycle_id=uuid4(), program_id=uuid4()))
        await dispatch(database, Dispatcher(cast(Client, Temporal())))
    finally:
        await empty_log(database)
    assert heard == [ORIGIN, None]


async def test_a_webhook_says_which_request_its_event_follows_from(
    db: Database, organization_id: UUID, endpoint: Any, receiver: Receiver, sender: Sender
) -> None:
    with following(ORIGIN):
        await tell(db, organization_id, CyclePaused(cycle_id=uuid4()))
    await tell(db, organization_id, CyclePaused(cycle_id=uuid4()))
    await drain(db, sender, endpoint)
    told = {one.sequence: one.headers.get("x-request-id") for one in receiver.received}
    assert told == {1: "request-1", 2: None}


async def test_what_nobody_asked_for_has_no_origin(db: Database, organization_id: UUID) -> None:
    async with db.transaction() as session:
        await emit(session, organization_id, CyclePaused(cycle_id=uuid4()))
    async with db.transaction() as session:
        query = select(StagedEvent.origin.is_(None)).where(StagedEvent.organization_id == organization_id)
        assert await session.scalar(query) is True
