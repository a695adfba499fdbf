"""The publisher copies the event log, in order, into a stream of a company's own broker.

It runs in a process of its own, and no other part depends on it. It reads the log by its own cursor, as the dispatcher
does. While the broker is away, only the publisher stands still. One of several replicas works; the others stand by.

The cursor is moved after the broker has taken the events. A publisher that dies in between leaves a stream that is
ahead of the cursor. Therefore each new connection first reads the stream's last event and goes on behind it. The
stream's window of duplicates is not needed for that, and may be shorter than any outage. Two things follow:

- A broker that lost the last messages, as its machine died before they were on the disk, receives them again.
- A stream that never held a message receives everything that the log still has. So a new broker is filled by itself.

A publisher that has lost its lock without noticing may work beside its successor. So each knows where it put the cursor
itself: that event, and no other, is the last one before the message number that it expects. If the cursor is anywhere
else, another publisher has moved it, and this one gives way. The broker would refuse what it sends in most cases, but
not where the two numbers meet again by chance, and then it would take events twice.

Events that retention has dropped cannot be published any more. The oldest event that is kept comes next, and consumers
see the gap by `sequence`.
"""

import asyncio

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.broker import store
from services.events.broker.jetstream import BrokerAway, Stream, Target, connected
from services.events.log.store import reading
from services.events.log.waiting import Backoff, pause
from shared.database import Database

log = structlog.get_logger(__name__)
CONSUMER = "nats"
BATCH = 500
IDLE_SECONDS = 0.25
STANDBY_SECONDS = 1.0
SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
ANOTHER_PUBLISHER = "another_publisher"


class Publisher:
    """Any number of processes may run a publisher. One of them works; the others stand by."""

    def __init__(self, database: Database, target: Target, *, limit: int = BATCH) -> None:
        self._database = database
        self._target = target
        self._limit = limit
        self._backoff = Backoff(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set, and then finishes the batch that is under way."""
        while not stop.is_set():
            try:
                async with reading.only_reader(self._database, reading.PUBLISHER_LOCK) as session:
                    if session is not None:
                        await self._publish(session, stop)
            except BrokerAway as error:
                log.warning("publisher.waited_for_broker", code=str(error))
                await pause(stop, self._backoff.next())
            except Exception as error:
                log.warning("publisher.failed", error=type(error).__name__)
                await pause(stop, self._backoff.next())
            else:
                await pause(stop, STANDBY_SECONDS)

    async def _publish(self, session: AsyncSession, stop: asyncio.Event) -> None:
        """Publishes, as the only publisher, until `stop` is set. Raises BrokerAway. Before the next attempt another
        replica, which may reach the broker, gets its turn."""
        async with connected(self._target) as stream:
            position = await resume(session, stream)
            log.info("publisher.connected")
            while not stop.is_set():
                reached = await self.publish_batch(session, stream, position)
                self._backoff.reset()
                if reached == position:
                    await pause(stop, IDLE_SECONDS)
                position = reached

    async def publish_batch(self, session: AsyncSession, stream: Stream, position: int) -> int:
        """Publishes the events after the position, at which this publisher left the cursor, and commits the new one,
        which it returns. No transaction is open while it waits for the broker. Raises BrokerAway if the broker did not
        take all of them, or if another publisher has moved the cursor."""
        unread = await reading.find_unread(session, CONSUMER)
        if unread is not None and unread.after != position:
            raise BrokerAway(ANOTHER_PUBLISHER)
        batch = [] if unread is None else await reading.read_range(session, unread, self._limit)
        await session.commit()
        if not batch:
            return position
        count, failure = await stream.publish([found.event for found in batch])
        if count:
            reached = batch[count - 1].position
            if not await reading.move_cursor_on(session, CONSUMER, position, reached):
                raise BrokerAway(ANOTHER_PUBLISHER)
            await session.commit()
            self._backoff.reset()
            log.info("events.published", count=count)
            position = reached
        if failure is not None:
            raise BrokerAway(failure)
        return position


async def resume(session: AsyncSession, stream: Stream) -> int:
    """Puts the cursor where the stream ends, commits, and returns the position. Raises BrokerAway.

    Messages may have come after the last of our events that the stream still holds: others may write to the stream, or
    messages may be removed once they are consumed. Then the cursor may be right, and it is not put back.
    """
    end = await stream.open()
    cursor = await store.read_cursor(session, CONSUMER)  # after the stream: what another publisher adds is refused
    if not end.sequence:
        await store.forget_cursor(session, CONSUMER)
        cursor = 0
    elif end.last is not None:
        position = await store.find_position(session, *end.last)
        if position is not None and (end.is_last_of_all or position > cursor):
            await reading.move_cursor(session, CONSUMER, position)
            cursor = position
    await session.commit()
    return cursor
