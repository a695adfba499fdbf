"""Requests that wait for events cost nothing while nothing happens: one query asks for all of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.events.log import feed, watching
from services.events.log.feed import Wanted, read_or_wait
from services.events.log.rules.cloudevents import EventPage, cloud_event
from services.events.log.store import reading
from services.events.log.watching import MOST_WAITING, READ_AT_ONCE, TooManyWaiting, watch_of
from shared.contracts.events import EventRecord
from shared.database import Database
from tests.patience import PATIENCE_SECONDS

ONE, OTHER = UUID(int=1), UUID(int=2)
MANY = 50


class Log(Database):
    """A log of which a test says how far it is."""

    def __init__(self) -> None:
        self.heads: dict[UUID, int] = {}
        self.epoch = UUID(int=7)
        self.is_away = False
        self.polls = 0
        self.reads: Counter[UUID] = Counter()
        self.reading = self.most_reading = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        yield self

    async def read_sequences(self, _: object, organization_ids: Collection[UUID]) -> tuple[UUID, dict[UUID, int]]:
        self.polls += 1
        if self.is_away:
            raise ConnectionError
        return self.epoch, {one: self.heads[one] for one in organization_ids if one in self.heads}

    async def read_page(self, _: object, wanted: Wanted) -> EventPage:
        self.reads[wanted.organization_id] += 1
        if self.is_away:
            raise ConnectionError
        self.reading += 1
        self.most_reading = max(self.most_reading, self.reading)
        await asyncio.sleep(0)
        self.reading -= 1
        head = self.heads.get(wanted.organization_id, 0)
        events = [_event(wanted.organization_id, number) for number in range(wanted.after + 1, head + 1)]
        return EventPage(epoch=self.epoch, events=tuple(map(cloud_event, events)), after=head, more=False)

    async def polled(self, times: int = 3) -> None:
        wanted = self.polls + times
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.polls < wanted:
                await asyncio.sleep(0.001)


def _event(organization_id: UUID, sequence: int) -> EventRecord:
    return EventRecord.model_construct(
        id=UUID(int=sequence), organization_id=organization_id, sequence=sequence, type="cycle.paused", version=1,
        subject="cycle/1", time=datetime(2026, 1, 1, tzinfo=UTC), data={},
    )  # fmt: skip


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    log = Log()
    monkeypatch.setattr(reading, "read_sequences", log.read_sequences)
    monkeypatch.setattr(feed, "read_page", log.read_page)
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.001)
    return log


def wait(log: Log, organization_id: UUID, seconds: float = PATIENCE_SECONDS) -> "asyncio.Task[EventPage]":
    return asyncio.create_task(read_or_wait(log, Wanted(organization_id, 0, 100), seconds, [asyncio.Event().wait]))


async def test_however_many_wait_one_query_asks_for_all_and_only_those_are_woken_whose_log_has_moved(log: Log) -> None:
    tasks = [wait(log, one) for one in (ONE, OTHER) for _ in range(MANY)]
    await log.polled(10)
    assert log.reads == {ONE: MANY, OTHER: MANY}, "each has read once, when it came"
    log.heads[OTHER] = 1
    pages = await asyncio.gather(*tasks[MANY:])
    assert [len(page.events) for page in pages] == [1] * MANY
    assert log.reads == {ONE: MANY, OTHER: 2 * MANY}
    assert not any(task.done() for task in tasks[:MANY])
    log.heads[ONE] = 1
    await asyncio.gather(*tasks[:MANY])


async def test_who_is_woken_together_reads_in_turn(log: Log) -> None:
    tasks = [wait(log, ONE) for _ in range(MANY)]
    await log.polled()
    log.most_reading = 0
    log.heads[ONE] = 1
    await asyncio.gather(*tasks)
    assert log.most_reading == READ_AT_ONCE


async def test_the_query_ends_with_the_last_who_waits(log: Log) -> None:
    assert (await wait(log, ONE, 0.01)).events == ()
    task = watch_of(log)._polling
    assert task is not None
    await task
    await log_moves_while_one_waits(log)


async def log_moves_while_one_waits(log: Log) -> None:
    task = wait(log, ONE)
    await log.polled()
    log.heads[ONE] = log.heads.get(ONE, 0) + 1
    assert (await task).events


async def test_a_log_that_was_restored_wakes_who_waits(log: Log) -> None:
    task = wait(log, ONE)
    await log.polled()
    log.epoch = UUID(int=8)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while log.reads[ONE] < 2:
            await asyncio.sleep(0.001)
    await log.polled()
    assert (log.reads[ONE], task.done()) == (2, False)
    task.cancel()


async def test_a_database_that_is_away_is_told_to_each_and_not_for_good(log: Log) -> None:
    task = wait(log, ONE)
    await log.polled()
    log.is_away = True
    with pytest.raises(ConnectionError):
        await task
    log.is_away = False
    await log_moves_while_one_waits(log)


async def test_an_organization_has_so_many_that_wait_and_another_one_as_many(log: Log) -> None:
    async with AsyncExitStack() as waiting:
        for organization in [ONE] * MOST_WAITING + [OTHER]:
            await waiting.enter_async_context(watch_of(log).among_waiters(log, organization))
        with pytest.raises(TooManyWaiting) as refused:
            await wait(log, ONE, 0.01)
        assert int(refused.value.extra["headers"]["retry-after"]) > 0
    await log_moves_while_one_waits(log)
