"""The log's epoch: a consumer that read events which a restore has lost is told so, and can resync."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from services.events import main
from services.events.log.epoch import Watch
from services.events.log.models import Event, Log, OrganizationHead
from services.events.log.positions import sequence_batch
from services.events.log.store import epoch as epoch_store
from shared.auth import Role
from shared.config import Settings
from shared.contracts.events import CyclePaused
from shared.database import Database
from shared.events import emit
from tests.architecture.documents import BLOCK, TEXTS
from tests.e2e.processes import upward
from tests.services.conftest import client_of
from tests.services.test_events_wait import app as waiting_app
from tests.services.test_events_wait import headers, small

__all__ = ["headers", "small", "waiting_app"]
Ask = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]


@pytest.fixture
async def ask(
    application: Callable[..., FastAPI], access_key: Callable[..., Awaitable[dict[str, str]]]
) -> AsyncIterator[Ask]:
    """Asks for a page of the feed, or with `at` for a checkpoint."""
    own = await access_key(Role.VIEWER)

    async with client_of(application(main)) as client:

        async def get(**query: object) -> tuple[int, dict[str, Any]]:
            path = "/v1/events/checkpoint" if "at" in query else "/v1/events"
            given = {name: str(value) for name, value in query.items()}
            answer = await client.get(path, params=given, headers=own)
            return answer.status_code, answer.json()

        yield get


async def record(db: Database, organization_id: UUID, count: int = 1, watch: Watch | None = None) -> None:
    async with db.transaction() as session:
        await emit(session, organization_id, *(CyclePaused(cycle_id=uuid4()) for _ in range(count)))
        assert await sequence_batch(session, watch=watch or Watch()) == count


async def epoch_of(db: Database) -> UUID:
    async with db.transaction() as session:
        return (await session.scalars(select(Log.epoch))).one()


async def go_back(db: Database, organization_id: UUID, last: int) -> None:
    """Removes the organization's later events, as a restore to an earlier point does."""
    async with db.transaction() as session:
        mine = Event.organization_id == organization_id
        digest = (await session.scalars(select(Event.digest).where(mine, Event.sequence == last))).one()
        await session.execute(delete(Event).where(mine, Event.sequence > last))
        head = update(OrganizationHead).where(OrganizationHead.organization_id == organization_id)
        await session.execute(head.values(last_sequence=last, digest=digest))


@pytest.mark.parametrize("question", [{}, {"at": 1}])
async def test_every_answer_carries_the_epoch_and_one_that_is_over_is_a_conflict(
    db: Database, organization_id: UUID, ask: Ask, question: dict[str, int]
) -> None:
    await record(db, organization_id)
    epoch = str(await epoch_of(db))
    status, answer = await ask(**question)
    assert (status, answer["epoch"]) == (200, epoch)
    assert (await ask(**question, epoch=epoch)) == (200, answer)
    status, problem = await ask(**question, epoch=uuid4())
    assert (status, problem["code"], problem["epoch"]) == (409, "epoch_changed", epoch)


@pytest.mark.parametrize("wait", [0, 30])
async def test_a_sequence_that_the_log_never_reached_is_a_conflict_at_once(
    db: Database, organization_id: UUID, ask: Ask, wait: int
) -> None:
    assert (await ask(after=1, wait=wait))[1]["last"] == 0
    await record(db, organization_id, 3)
    status, problem = await ask(after=4, wait=wait)
    assert (status, problem["code"], problem["last"]) == (409, "after_not_reached", 3)
    assert problem["epoch"] == str(await epoch_of(db))
    assert (await ask(after=3))[0] == 200
    assert (await ask(after=2**63 - 1))[0] == 409


async def test_a_change_is_told_before_that_a_sequence_is_not_reached(
    db: Database, organization_id: UUID, ask: Ask
) -> None:
    assert (await ask(after=4, epoch=uuid4()))[1]["code"] == "epoch_changed"


async def test_who_waits_is_told_too(
    waiting_app: FastAPI, database: Database, organization_id: UUID, headers: dict[str, str]
) -> None:
    async with client_of(waiting_app) as client, asyncio.timeout(25):  # less than it may wait
        epoch = (await client.get("/v1/events", headers=headers)).json()["epoch"]
        waiting = asyncio.create_task(client.get(f"/v1/events?wait=30&epoch={epoch}", headers=headers))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        async with database.transaction() as session:
            now = await epoch_store.change_epoch(session)
        assert (await waiting).json()["epoch"] == str(now)


async def test_the_first_server_is_noted_and_a_log_that_stays_keeps_its_epoch(
    db: Database, organization_id: UUID
) -> None:
    async with db.transaction() as session:
        await session.execute(update(Log).values(system_identifier=None, timeline=None))
    epoch = await epoch_of(db)
    for _ in range(2):
        await record(db, organization_id)
        assert await epoch_of(db) == epoch
    async with db.transaction() as session:
        known = (await session.execute(text("select system_identifier, timeline from events.log"))).one()
        here = text("select system_identifier, timeline_id from pg_control_system() cross join pg_control_checkpoint()")
        assert known == (await session.execute(here)).one()


@pytest.mark.parametrize("moved", [{"timeline": Log.timeline - 1}, {"system_identifier": Log.system_identifier + 1}])
async def test_a_log_that_goes_on_elsewhere_changes_its_epoch_once_before_anything_is_sequenced(
    db: Database, organization_id: UUID, moved: dict[str, Any]
) -> None:
    await record(db, organization_id)
    epoch = await epoch_of(db)
    async with db.transaction() as session:
        await session.execute(update(Log).values(**moved))
        assert await sequence_batch(session, watch=Watch()) == 0
    assert await epoch_of(db) == epoch, "nothing is looked at while nothing is staged"
    await record(db, organization_id)
    changed = await epoch_of(db)
    assert changed != epoch
    await record(db, organization_id)
    assert await epoch_of(db) == changed


async def test_a_server_that_recovers_is_asked_again(
    db: Database, organization_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a restore goes on, Postgres answers reads, and says that its log cannot be asked yet."""
    server, watch = epoch_store.SERVER, Watch()
    raising = "do $$ begin raise exception 'recovery is in progress' using errcode = '55000'; end $$"
    monkeypatch.setattr(epoch_store, "SERVER", text(raising))
    async with db.transaction() as session:
        with pytest.raises(DBAPIError):
            await watch.is_elsewhere(session)
    monkeypatch.setattr(epoch_store, "SERVER", server)
    async with db.transaction() as session:
        await session.execute(update(Log).values(system_identifier=1, timeline=1))
        assert await watch.is_elsewhere(session)


async def test_a_server_that_may_not_be_asked_is_noted_once_and_holds_nothing_up(
    db: Database, organization_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epoch_store, "SERVER", text("select no_such_function()"))
    epoch, watch = await epoch_of(db), Watch()
    with capture_logs() as told:
        for _ in range(2):
            await record(db, organization_id, watch=watch)
    assert [one["event"] for one in told] == ["epoch.unwatched"]
    assert await epoch_of(db) == epoch


async def test_the_command_changes_the_epoch_and_lets_the_server_be_noted_anew(
    database: Database, settings: Settings, organization_id: UUID
) -> None:
    before = await epoch_of(database)
    done = await asyncio.to_thread(upward, "events", "restored", UPWARD_DATABASE_URL=settings.database_url)
    after = await epoch_of(database)
    assert (done.returncode, done.stderr) == (0, "")
    assert after != before
    assert str(after) in done.stdout
    async with database.transaction() as session:
        assert (await session.scalars(select(Log.system_identifier))).one() is None


@pytest.mark.parametrize(("kept", "expected"), [((5, 4, 3, 2), 3), ((5, 4), 0), ((3, 1), 3), ((5,), 0)])
async def test_the_guide_s_resync_finds_the_last_event_that_still_is_what_it_was(
    db: Database, organization_id: UUID, ask: Ask, kept: tuple[int, ...], expected: int
) -> None:
    names: dict[str, Any] = {}
    exec(BLOCK.findall(TEXTS["docs/events-feed.md"])[2], names)
    await record(db, organization_id, 5)
    mine = {at: (await ask(at=at))[1]["digest"] for at in kept}
    await go_back(db, organization_id, 3)
    await record(db, organization_id)  # another event gets the sequence 4
    answers = {at: await ask(at=at) for at in (0, *kept)}
    assert names["resync"](lambda at: answers[at], mine) == (str(await epoch_of(db)), expected)
