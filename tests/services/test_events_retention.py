"""The days of the log never go back, old days are dropped, and readers who come too late are told so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select, text

from services.events import main, retention
from services.events.log.models import Consumer, Event
from services.events.log.positions import sequence_batch
from services.events.log.store import days as days_store
from services.events.log.store import reading
from services.events.retention import DAYS_AHEAD, DaysChanged, apply_retention
from shared.auth import Role
from shared.contracts.events import CyclePaused
from shared.database import Database
from shared.events import emit
from shared.temporal import connect
from tests.architecture.documents import BLOCK, TEXTS
from tests.patience import PATIENCE_SECONDS
from tests.services.conftest import client_of

FIRST = date(2200, 1, 1)
"""A day that is later than those of all other tests."""
DAY = timedelta(days=1)
Ask = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]


async def record(db: Database, organization_id: UUID, today: date, count: int = 2) -> None:
    async with db.transaction() as session:
        await emit(session, organization_id, *(CyclePaused(cycle_id=uuid4()) for _ in range(count)))
        assert await sequence_batch(session, today=today) == count


async def drop_before(db: Database, day: date) -> list[date]:
    """Runs retention on the first day on which this one is the oldest to be kept. Returns the days of the test that are
    left."""
    await apply_retention(db, 90, today=day + timedelta(days=90))
    return [one for one in await partitions(db) if FIRST <= one < FIRST + 30 * DAY]


async def partitions(database: Database) -> list[date]:
    async with database.transaction() as session:
        return list(await days_store.read_partitions(session))


async def days_of(db: Database, organization_id: UUID) -> list[date]:
    async with db.transaction() as session:
        found = select(Event.day).where(Event.organization_id == organization_id).order_by(Event.sequence)
        return list(await session.scalars(found))


@pytest.fixture
async def ask(
    application: Callable[..., FastAPI], access_key: Callable[..., Awaitable[dict[str, str]]]
) -> AsyncIterator[Ask]:
    """Asks for a page of the feed, or with `at` for a checkpoint."""
    headers = await access_key(Role.VIEWER)

    async with client_of(application(main)) as client:

        async def get(**query: int) -> tuple[int, dict[str, Any]]:
            path = "/v1/events/checkpoint" if "at" in query else "/v1/events"
            answer = await client.get(path, params=query, headers=headers)
            return answer.status_code, answer.json()

        yield get


async def move_cursor(db: Database, consumer: str, organization_id: UUID, sequence: int) -> None:
    """Moves the cursor to the position of that event."""
    async with db.transaction() as session:
        found = select(Event.position).where(Event.organization_id == organization_id, Event.sequence == sequence)
        await reading.move_cursor(session, consumer, (await session.scalars(found)).one())


async def test_days_never_go_back_even_if_the_clock_does(db: Database, organization_id: UUID) -> None:
    for today in (FIRST + DAY, FIRST, FIRST + 3 * DAY, FIRST - 400 * DAY):
        await record(db, organization_id, today, 1)
    assert await days_of(db, organization_id) == [FIRST + DAY, FIRST + DAY, FIRST + 3 * DAY, FIRST + 3 * DAY]


async def test_without_another_clock_a_day_is_the_database_s_in_utc(db: Database, organization_id: UUID) -> None:
    async with db.transaction() as session:
        await session.execute(text("set local time zone 'Pacific/Kiritimati'"))  # 14 hours ahead
        await emit(session, organization_id, CyclePaused(cycle_id=uuid4()))
        before = datetime.now(UTC).date()
        await sequence_batch(session)
    assert before - DAY <= (await days_of(db, organization_id))[0] <= datetime.now(UTC).date()


async def test_the_feed_goes_over_days_in_order(db: Database, organization_id: UUID, ask: Ask) -> None:
    for number in range(4):
        await record(db, organization_id, FIRST + number * DAY)
        await record(db, uuid4(), FIRST + number * DAY)
    for after in range(8):
        status, page = await ask(after=after, limit=5)
        expected = list(range(after + 1, min(after + 5, 8) + 1))
        assert (status, [int(event["sequence"]) for event in page["events"]]) == (200, expected)


async def test_events_that_are_dropped_answer_410_from_exactly_where_they_end(
    db: Database, organization_id: UUID, ask: Ask
) -> None:
    for number in range(3):
        await record(db, organization_id, FIRST + number * DAY)
    assert await drop_before(db, FIRST) == [FIRST, FIRST + DAY, FIRST + 2 * DAY]
    assert (await ask(after=0))[0] == 200, "a day is kept for the whole of its time"
    assert await drop_before(db, FIRST + DAY) == [FIRST + DAY, FIRST + 2 * DAY]
    for after in (0, 1):
        status, problem = await ask(after=after)
        assert (status, problem["code"], problem["oldest"]) == (410, "events_expired", 3)
    status, page = await ask(after=2)
    assert [int(event["sequence"]) for event in page["events"]] == [3, 4, 5, 6]
    assert page["epoch"] == problem["epoch"]


async def test_a_consumer_that_begins_at_the_oldest_event_continues_the_digest(
    db: Database, organization_id: UUID, ask: Ask
) -> None:
    names: dict[str, Any] = {}
    exec(BLOCK.findall(TEXTS["docs/events-feed.md"])[0], names)
    for number in range(3):
        await record(db, organization_id, FIRST + number * DAY)
    _, last = await ask(at=6)
    await drop_before(db, FIRST + DAY)
    assert (await ask(at=1))[1]["code"] == "events_expired"
    _, checkpoint = await ask(at=2)
    digest = bytes.fromhex(checkpoint["digest"])
    for event in (await ask(after=2))[1]["events"]:
        digest = names["follow"](digest, event)
    assert digest.hex() == last["digest"]
    assert (await ask(at=6))[1] == last


async def test_when_every_event_is_dropped_numbers_and_digest_go_on(
    db: Database, organization_id: UUID, ask: Ask
) -> None:
    await record(db, organization_id, FIRST)
    _, last = await ask(at=2)
    await drop_before(db, FIRST + DAY)
    assert (await ask(after=2))[1]["events"] == []
    assert (await ask(after=0))[1]["oldest"] == 3
    assert (await ask(at=2))[1] == last
    assert (await ask(at=0))[0] == 200
    assert (await ask(at=1))[0] == 410
    await record(db, organization_id, FIRST + 91 * DAY, 1)
    assert [int(event["sequence"]) for event in (await ask(after=2))[1]["events"]] == [3]
    assert (await ask(at=2))[1] == last


async def test_an_organization_that_lost_nothing_may_begin_at_the_beginning(
    db: Database, organization_id: UUID, ask: Ask
) -> None:
    await record(db, uuid4(), FIRST)
    await record(db, organization_id, FIRST + DAY)
    assert await drop_before(db, FIRST + DAY) == [FIRST + DAY]
    assert len((await ask(after=0))[1]["events"]) == 2


async def test_a_day_that_is_dropped_while_it_is_read_is_told_and_not_skipped(
    db: Database, organization_id: UUID, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(db, organization_id, FIRST)
    await record(db, organization_id, FIRST + DAY)
    read_feed = reading.read_feed

    async def read_too_late(*arguments: Any, **options: Any) -> Any:
        await drop_before(db, FIRST + DAY)
        return await read_feed(*arguments, **options)

    monkeypatch.setattr(reading, "read_feed", read_too_late)
    status, problem = await ask(after=0)
    assert (status, problem.get("oldest")) == (410, 3)


@pytest.mark.parametrize("consumer", days_store.HOLDING_BACK)
async def test_upward_s_own_consumers_hold_back_what_they_have_yet_to_pass(
    db: Database, organization_id: UUID, consumer: str
) -> None:
    await record(db, organization_id, FIRST)
    await record(db, organization_id, FIRST + DAY)
    for name in days_store.HOLDING_BACK:
        await move_cursor(db, name, organization_id, 4)
    await move_cursor(db, consumer, organization_id, 1)
    await move_cursor(db, "nats", organization_id, 1)
    assert await drop_before(db, FIRST + 2 * DAY) == [FIRST, FIRST + DAY]
    await move_cursor(db, consumer, organization_id, 2)
    assert await drop_before(db, FIRST + 2 * DAY) == [FIRST + DAY]
    await move_cursor(db, consumer, organization_id, 3)
    assert await drop_before(db, FIRST + 2 * DAY) == [FIRST + DAY]
    await move_cursor(db, consumer, organization_id, 4)
    assert await drop_before(db, FIRST + 2 * DAY) == []


async def test_a_cursor_reads_on_over_days_and_past_those_that_are_gone(db: Database, organization_id: UUID) -> None:
    async with db.transaction() as session:
        await session.execute(delete(Consumer))
    for number in range(4):
        await record(db, organization_id, FIRST + number * DAY)

    async def read() -> list[int]:
        async with db.transaction() as session:
            found = await reading.read_unread(session, "reader", 3)
            if found:
                await reading.move_cursor(session, "reader", found[-1].position)
        return [one.event.sequence for one in found if one.event.organization_id == organization_id]

    await move_cursor(db, "reader", organization_id, 1)
    assert await read() == [2, 3, 4]
    assert await drop_before(db, FIRST + 3 * DAY) == [FIRST + 3 * DAY]
    assert await read() == [7, 8]
    assert await read() == []
    await record(db, organization_id, FIRST + 5 * DAY, 1)
    assert await read() == [9]


@pytest.fixture
async def old(database: Database) -> AsyncIterator[date]:
    """A day of long ago that has a partition."""
    day = date(2001, 2, 3)
    async with database.transaction() as session:
        await days_store.make_partition(session, day)
    yield day
    async with database.transaction() as session:
        await session.execute(text(f"drop table if exists events.{days_store.partition_of(day)}"))


async def test_two_keepers_at_once_do_the_work_of_one(database: Database, old: date) -> None:
    found = await asyncio.gather(*(apply_retention(database, 90) for _ in range(4)))
    assert sum(one.dropped for one in found) <= 1
    await apply_retention(database, 90)
    days = await partitions(database)
    async with database.transaction() as session:
        today = await days_store.read_clock(session)
    assert old not in days
    assert {today + ahead * DAY for ahead in range(DAYS_AHEAD + 1)} <= set(days)
    assert await apply_retention(database, 90) == DaysChanged()


async def test_who_finds_a_keeper_at_work_leaves_it_alone(database: Database, old: date) -> None:
    async with database.transaction() as session:
        assert await days_store.lock_retention(session)
        assert await apply_retention(database, 90) == DaysChanged()
    assert (await apply_retention(database, 90)).dropped == 1


async def test_keeper_and_sequencer_may_make_the_same_day_at_once(database: Database) -> None:
    day = date(2001, 2, 4)

    async def make() -> bool:
        async with database.transaction() as session:
            return await days_store.make_partition(session, day)

    try:
        assert sorted(await asyncio.gather(*(make() for _ in range(4)))) == [False, False, False, True]
        assert day in await partitions(database)
    finally:
        async with database.transaction() as session:
            await session.execute(text(f"drop table if exists events.{days_store.partition_of(day)}"))


async def test_a_day_is_not_dropped_under_a_reader_but_later(
    database: Database, old: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days_store, "LOCK_TIMEOUT", "50ms")
    async with database.transaction() as reading:
        await reading.execute(select(Event).limit(1))
        assert (await apply_retention(database, 90)).dropped == 0
        assert old in await partitions(database)
    assert (await apply_retention(database, 90)).dropped == 1


async def test_making_a_day_waits_for_no_reader(database: Database) -> None:
    day = date(2001, 2, 5)
    async with database.transaction() as reading:
        await reading.execute(select(Event).limit(1))
        async with database.transaction() as session:
            assert await days_store.make_partition(session, day)
            await session.rollback()


async def test_the_relay_keeps_the_days(database: Database, old: date, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    stop = asyncio.Event()

    async def observed(database: Database, retention_days: int) -> DaysChanged:
        told.append(retention_days)
        stop.set()
        return await retention.apply_retention(database, retention_days)

    monkeypatch.setattr("services.events.relay.apply_retention", observed)
    relay = main.create_relay(database=database, client=await connect("127.0.0.1:1"), retention_days=40)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await relay.run(stop)
    assert told == [40]
    assert old not in await partitions(database)
