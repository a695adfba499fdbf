"""Two publishers at once, in many orders: they take turns at every step, of the database and of the broker.

The broker stands in memory here, and knows no repeated event by its id, as a stream's window of duplicates may be over.
The log stands there too; `tests/services/test_events_publisher.py` tries its statements.
"""

import asyncio
from collections.abc import Sequence
from datetime import date
from itertools import product
from typing import cast
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.broker import store
from services.events.broker.jetstream import BrokerAway, EventKey, Published, Stream, StreamEnd, Target
from services.events.broker.publisher import Publisher, resume
from services.events.log.store import reading
from services.events.log.store.reading import Positioned, UnreadRange
from shared.contracts.events import EventRecord
from shared.database import Database
from tests.event_records import event_record

DAY = date(2026, 1, 5)
LOG = [event_record(number) for number in range(1, 8)]
LIMITS = (2, 3)


class Turns:
    """Says whose turn it is: after so many steps of one publisher the other one goes on, and after the last turn, or
    the end of the other, nobody is stopped any more."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self._lengths = list(lengths)
        self._whose, self._over = 0, set[int]()
        self._changed = asyncio.Condition()

    async def step(self, who: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._whose == who or 1 - who in self._over)
            if self._lengths:
                self._lengths[0] -= 1
                if not self._lengths[0]:
                    del self._lengths[0]
                    self._whose = 1 - who
                    self._changed.notify_all()

    async def end(self, who: int) -> None:
        async with self._changed:
            self._over.add(who)
            self._changed.notify_all()


class World:
    """The cursor in the database and the messages of the broker."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.cursor = 0
        self.held: list[EventRecord] = []


class Side:
    """What one publisher has in its hands: a session and a connection to the broker."""

    def __init__(self, world: World, who: int) -> None:
        self.world, self._who = world, who
        self._sequence = 0

    async def step(self) -> None:
        await self.world.turns.step(self._who)

    async def commit(self) -> None:
        await self.step()

    async def open(self) -> StreamEnd:
        await self.step()
        self._sequence, last = len(self.world.held), self.world.held[-1] if self.world.held else None
        await self.step()
        if last is None:
            return StreamEnd(0)
        return StreamEnd(self._sequence, EventKey(last.organization_id, last.sequence, last.id), True)

    async def publish(self, events: Sequence[EventRecord]) -> Published:
        for number, event in enumerate(events):
            await self.step()
            if len(self.world.held) != self._sequence + number:
                self._sequence += number
                return Published(number, "order_refused")
            self.world.held.append(event)
        self._sequence += len(events)
        await self.step()
        return Published(len(events))

    async def run(self, limit: int) -> None:
        """Publishes as `Publisher.run` does, up to the end of the log."""
        publisher = Publisher(cast(Database, None), Target((), "UPWARD"), limit=limit)
        session, stream = cast(AsyncSession, self), cast(Stream, self)
        try:
            while True:
                try:
                    position = await resume(session, stream)
                    while (reached := await publisher.publish_batch(session, stream, position)) != position:
                        position = reached
                    return
                except BrokerAway:
                    continue
        finally:
            await self.world.turns.end(self._who)


@pytest.fixture(autouse=True)
def log_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    async def find_unread(side: Side, _: str) -> UnreadRange | None:
        await side.step()
        return UnreadRange(side.world.cursor, DAY, DAY) if side.world.cursor < len(LOG) else None

    async def read_range(side: Side, unread: UnreadRange, limit: int) -> list[Positioned]:
        await side.step()
        return [Positioned(one.sequence, one) for one in LOG[unread.after : unread.after + limit]]

    async def move_cursor(side: Side, _: str, position: int) -> None:
        await side.step()
        side.world.cursor = position

    async def move_cursor_on(side: Side, _: str, before: int, position: int) -> bool:
        await side.step()
        if side.world.cursor != before:
            return False
        side.world.cursor = position
        return True

    async def read_cursor(side: Side, _: str) -> int:
        await side.step()
        return side.world.cursor

    async def forget_cursor(side: Side, _: str) -> None:
        await side.step()
        side.world.cursor = 0

    async def find_position(_: Side, __: UUID, sequence: int, ___: UUID) -> int:
        return sequence

    for stand_in in (find_unread, read_range, move_cursor, move_cursor_on):
        monkeypatch.setattr(reading, stand_in.__name__, stand_in)
    for function in (read_cursor, forget_cursor, find_position):
        monkeypatch.setattr(store, function.__name__, function)


async def published(lengths: Sequence[int]) -> list[int]:
    """The sequences of the events that the broker holds, after both publishers have come to the end."""
    world = World(Turns(lengths))
    async with asyncio.TaskGroup() as tasks:
        for who, limit in enumerate(LIMITS):
            tasks.create_task(Side(world, who).run(limit))
    return [event.sequence for event in world.held]


@pytest.mark.parametrize("third", [1, 2, 4, 9])
async def test_two_publishers_that_interrupt_each_other_anywhere_neither_double_nor_lose_an_event(third: int) -> None:
    """One that was interrupted once put the cursor back to where it was itself. The other one then read from there, and
    sent events again with a number that the broker took for right."""
    wrong = [
        (first, second, third)
        for first, second in product(range(1, 26), range(1, 26))
        if await published([first, second, third]) != [event.sequence for event in LOG]
    ]
    assert wrong == []
