"""GET /v1/events/checkpoint: the digest that a consumer compares with its own."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.events import main
from services.events.log.positions import sequence_batch
from shared.auth import Role
from shared.contracts.events import CycleCancelled, MatchRunProposed
from shared.database import Database
from shared.events import emit
from tests.architecture.documents import BLOCK, TEXTS
from tests.services.conftest import client_of

Headers = dict[str, str]
AccessKeys = Callable[..., Awaitable[Headers]]


@pytest.fixture
def app(application: Callable[..., FastAPI]) -> FastAPI:
    return application(main)


@pytest.fixture
def digest_of() -> Callable[[list[dict[str, Any]]], str]:
    """The consumer's side, as docs/events-feed.md gives it."""
    names: dict[str, Any] = {}
    exec(BLOCK.findall(TEXTS["docs/events-feed.md"])[0], names)
    computed: Callable[[list[dict[str, Any]]], str] = names["digest_of"]
    return computed


async def get(app: FastAPI, headers: Headers, path: str) -> httpx.Response:
    async with client_of(app) as client:
        return await client.get(path, headers=headers)


async def record(db: Database, *organizations: UUID) -> None:
    """Three events of each organization, moved two at a time."""
    async with db.transaction() as session:
        for organization_id in organizations * 3:
            run = MatchRunProposed(match_run_id=uuid4(), cycle_id=uuid4(), pairs=3, unmatched=0)
            await emit(session, organization_id, run)
        while await sequence_batch(session, 2):
            pass


async def test_what_a_consumer_computes_from_the_feed_is_every_checkpoint_s_digest(
    app: FastAPI,
    db: Database,
    access_key: AccessKeys,
    organization_id: UUID,
    digest_of: Callable[[list[dict[str, Any]]], str],
) -> None:
    await record(db, organization_id, uuid4())
    headers = await access_key(Role.VIEWER)
    page = (await get(app, headers, "/v1/events")).json()
    events = page["events"]
    assert len(events) == 3
    for number in (1, 2, 3):
        found = (await get(app, headers, f"/v1/events/checkpoint?at={number}")).json()
        assert found == {"sequence": number, "epoch": page["epoch"], "digest": digest_of(events[:number])}
    assert (await get(app, headers, "/v1/events/checkpoint")).json() == found


async def test_before_the_first_event_there_is_a_checkpoint_too(
    app: FastAPI, db: Database, access_key: AccessKeys, organization_id: UUID
) -> None:
    headers = await access_key(Role.VIEWER)
    empty = (await get(app, headers, "/v1/events/checkpoint")).json()
    assert (empty["sequence"], len(empty["digest"])) == (0, 64)
    await record(db, organization_id)
    assert (await get(app, headers, "/v1/events/checkpoint?at=0")).json() == empty


async def test_a_sequence_that_is_not_reached_is_404_whatever_others_have(
    app: FastAPI, db: Database, access_key: AccessKeys, organization_id: UUID
) -> None:
    async with db.transaction() as session:
        await emit(session, organization_id, CycleCancelled(cycle_id=uuid4()))
        await sequence_batch(session)
    await record(db, uuid4())
    answer = await get(app, await access_key(Role.VIEWER), "/v1/events/checkpoint?at=2")
    assert (answer.status_code, answer.json()["code"]) == (404, "sequence_not_reached")
