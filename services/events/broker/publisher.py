"""The publisher: the event log, in order, into a stream of a company's own broker.

It is a process of its own that nothing else knows of: it reads the log by its own cursor, as the dispatcher does, and
while the broker is away it alone stands still. One of several replicas works, the others stand by.

The cursor is moved after the broker has taken the events. Whoever dies in between leaves a stream that is ahead of the
cursor; so each new connection first looks at the stream's end and goes on behind the event that stands there. The
stream's window of duplicates is not needed for that, and may be shorter than any outage. It follows also that

- a broker that lost what it had taken last (its machine died before the disk had it) gets that again,
- a stream that never held a message gets everything that the log still has: to fill a new broker, start on it.

What the log no longer has (retention) cannot be published any more: the oldest there is comes next, and consumers see
the gap by `sequence`.
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


class Publisher:
    """Any number of processes may run one: one of them works, the others stand by."""

    def __init__(self, database: Database, target: Target, *, limit: int = BATCH) -> None:
        self._database = database
        self._target = target
        self._limit = limit
        self._backoff = Backoff(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set; ends after the batch that is under way."""
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
        """Publishes, as the one publisher, until `stop` is set. Raises BrokerAway; between attempts another replica,
        which may reach the broker, gets its turn."""
        async with connected(self._target) as stream:
            await resume(session, stream)
            log.info("publisher.connected")
            while not stop.is_set():
                published = await self.publish_batch(session, stream)
                self._backoff.reset()
                if not published:
                    await pause(stop, IDLE_SECONDS)

    async def publish_batch(self, session: AsyncSession, stream: Stream) -> int:
        """Publishes the next events and commits how far it came; says how many. No transaction is open while the
        broker is waited for. Raises BrokerAway if it did not take all."""
        batch = await reading.read_unread(session, CONSUMER, self._limit)
        await session.commit()
        if not batch:
            return 0
        count, failure = await stream.publish([found.event for found in batch])
        if count:
            await reading.move_cursor(session, CONSUMER, batch[count - 1].position)
            await session.commit()
            self._backoff.reset()
            log.info("events.published", count=count)
        if failure is not None:
            raise BrokerAway(failure)
        return count


async def resume(session: AsyncSession, stream: Stream) -> None:
    """Puts the cursor where the stream ends, and commits. Raises BrokerAway.

    When something came after our last event that is no longer there to be looked at, as in a stream whose messages go
    once they are consumed, or that others write to, the cursor may know better: then it is never put back.
    """
    end = await stream.open()
    if not end.sequence:
        await store.forget_cursor(session, CONSUMER)
    elif end.last is not None:
        position = await store.find_position(session, *end.last)
        if position is not None and (end.is_last_of_all or position > await store.read_cursor(session, CONSUMER)):
            await reading.move_cursor(session, CONSUMER, position)
    await session.commit()
