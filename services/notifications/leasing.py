"""The messages that one delivery has leased, and what it records about them.

A lease is a time in the row of a message. While it lasts no other delivery takes the message, and no connection to
Postgres is held while the message is on its way. It is renewed as long as the delivery lives; when the process is
killed it ends by itself.

That a lease has ended does not mean that its delivery is dead: Postgres may have stood still, with everything that the
delivery wanted to record. So a message is taken over only if its lease had ended and its row was free in two looks that
are farther apart than two renewals. Only what an earlier attempt of the same delivery had leased is taken over at once
when its lease has ended, as Temporal begins the next attempt when that one has failed or has been silent for as long.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.dropping import drop_waiting
from services.notifications.rules.messages import ClaimedMessage
from services.notifications.store import delivering as store
from services.notifications.store import holding
from services.notifications.store.holding import Hold
from shared.database import Database

log = structlog.get_logger(__name__)
RENEW_SECONDS = store.LEASE.total_seconds() / 5
SETTLED_SECONDS = 2.5
"""So far apart two looks are that find the same lease ended. A delivery that lives renews it in less."""
MARKED_TRIES = 5
"""So often it is tried to record that messages were sent. Each time waits for a locked row for 15 seconds, and whatever
Upward itself does holds a lock for at most 60."""
Change = Callable[[AsyncSession], Awaitable[object]]


class Lease:
    """What one delivery of one announcement has leased.

    Its transactions come one after the other, so that two of them never wait for each other's rows. Only renewals come
    in between, which wait for no row: otherwise one locked row would let all leases end."""

    def __init__(
        self, database: Database, organization_id: UUID, announcement_id: UUID, id: UUID, before: Collection[UUID] = ()
    ) -> None:
        """`before` are the ids that earlier attempts of this delivery had."""
        self._database = database
        self._of = organization_id, announcement_id
        self._id, self._before = id, before
        self._ends = 0.0
        self._one_at_a_time, self._renewal = asyncio.Lock(), asyncio.Lock()
        self._expired: dict[store.Expired, float] = {}
        """The leases that had ended when it was looked last, and since when that is known."""
        self._dead: list[store.Expired] = []
        self._sent: list[tuple[ClaimedMessage, asyncio.Future[None]]] = []

    @property
    def holds(self) -> bool:
        """Whether no other delivery can have taken what this one has leased."""
        return monotonic() < self._ends

    @asynccontextmanager
    async def renewed(self) -> AsyncIterator[None]:
        """Renews the lease during the block. At its end, what was not sent is given back."""
        renewing = asyncio.create_task(self._renew())
        try:
            yield
        finally:
            async with self._one_at_a_time, self._renewal:  # so that no statement is cut off
                renewing.cancel()
            await asyncio.wait([renewing])
            await self._release()

    async def claim(self, limit: int) -> list[ClaimedMessage]:
        """Messages that are due and that this delivery has now leased."""
        begun = monotonic()
        async with self._one_at_a_time, self._database.transaction() as session:
            now = datetime.now(UTC)
            found = await store.claim(session, *self._of, self._id, now, limit, self._dead, self._before)
            if not found:
                self._note_expired(await store.read_expired(session, *self._of, now, limit))
        self._ends = max(self._ends, begun + store.LEASE.total_seconds())
        return found

    def _note_expired(self, expired: list[store.Expired]) -> None:
        now = monotonic()
        self._expired = {one: self._expired.get(one, now) for one in expired}
        self._dead = [one for one, since in self._expired.items() if now - since >= SETTLED_SECONDS]

    async def others_have(self) -> bool:
        """Whether messages are due that another delivery has leased."""
        async with self._database.transaction() as session:
            return await store.others_have(session, *self._of, datetime.now(UTC))

    async def drop_all(self, code: str) -> None:
        """Gives up every message of the announcement that has not been sent."""
        async with self._one_at_a_time:
            await drop_waiting(self._database, *self._of, code)

    async def read_hold(self) -> Hold:
        """Whether the announcement waits because its channel refuses everybody."""
        async with self._database.transaction() as session:
            return await holding.read_hold(session, *self._of)

    async def hold(self, message: ClaimedMessage, code: str) -> Hold:
        """Lets the announcement wait, with this message that was refused as everybody's is."""
        async with self._one_at_a_time, self._database.transaction() as session:
            await holding.hold(session, *self._of, code)
            await store.count_attempt(session, message)
            return await holding.read_hold(session, *self._of)

    async def lift(self) -> None:
        """The announcement waits no more: its channel takes messages again."""
        async with self._one_at_a_time, self._database.transaction() as session:
            await holding.lift(session, *self._of)

    async def record(self, *changes: Change) -> None:
        """Records what became of messages that were not sent."""
        if changes:
            async with self._one_at_a_time, self._database.transaction() as session:
                for change in changes:
                    await change(session)

    async def record_sent(self, message: ClaimedMessage) -> None:
        """Records that the channel has taken the message, and returns once that is committed. Messages that are taken
        at the same time share a transaction."""
        recorded = asyncio.get_running_loop().create_future()
        self._sent.append((message, recorded))
        async with self._one_at_a_time:
            if not recorded.done():
                await self._commit_sent()
        await recorded

    async def _commit_sent(self) -> None:
        together, self._sent = self._sent, []
        try:
            await self._mark([message for message, _ in together])
        except BaseException as error:
            for _, recorded in together:
                recorded.set_exception(error)
        else:
            for _, recorded in together:
                recorded.set_result(None)

    async def _mark(self, messages: list[ClaimedMessage]) -> None:
        for tried in range(1, MARKED_TRIES + 1):
            try:
                async with self._database.transaction() as session:
                    await store.mark_sent(session, messages, datetime.now(UTC))
            except DBAPIError as error:
                # Such as a deadlock with whoever drops the announcement. What is not recorded would be sent again.
                if tried == MARKED_TRIES or (isinstance(error, OperationalError) and error.connection_invalidated):
                    raise
            else:
                return

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            begun = monotonic()
            try:
                async with self._renewal, self._database.transaction() as session:
                    await store.renew(session, *self._of, self._id)
            except SQLAlchemyError as error:
                log.warning("lease.not_renewed", error=type(error).__name__)
            else:
                self._ends = max(self._ends, begun + store.LEASE.total_seconds())

    async def _release(self) -> None:
        try:
            async with self._database.transaction() as session:
                await store.release(session, *self._of, self._id)
        except SQLAlchemyError as error:
            log.warning("lease.not_released", error=type(error).__name__)  # it ends by itself
