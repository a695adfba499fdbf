"""Sending the messages that are due, each in a transaction of its own.

For each message a transaction locks the row (`FOR UPDATE SKIP LOCKED`), sends the message while it holds the lock, and
marks the row as `sent` right after the server's 250. So two deliveries at the same time (one that was believed dead,
and its retry) never send the same message. Whatever fails before the 250 leaves the row waiting.

**The one way to two copies.** SMTP and Postgres share no transaction. If the process, its machine or the connection
dies *after the server took a message and before the row was committed*, the row is still waiting and the message is
sent again. It then has the same Message-ID, as that is derived and stored before anything is sent. This concerns at
most the one message of each delivery that is being sent. No message is ever lost or sent under another id. Cancelling
does not lead to two copies, as the message that is being sent is finished first.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from services.notifications.channels.registry import TRANSPORTS
from services.notifications.channels.transport import ChannelAway, ConnectionLost, PutOff, RefusedForGood, Transport
from services.notifications.composing import compose
from services.notifications.facts import BatchFacts, DeliveryFacts, read_batch_facts, read_delivery_facts
from services.notifications.rules.messages import (
    LONGEST_WAIT,
    Channel,
    ClaimedMessage,
    DueMessage,
    MessageState,
    pause_after,
)
from services.notifications.rules.overview import Overview
from services.notifications.store import messages as store
from services.notifications.store.wordings import read_own
from shared.attention.resources import Message as Failed
from shared.attention.resources import Messages
from shared.config import Settings
from shared.contracts.notifications import DeliverMessages, Delivery
from shared.contracts.rounds import RoundState
from shared.database import Database
from shared.errors import Gone
from shared.http.internal import Internal
from shared.http.lists import Page
from shared.rounds.store import RoundBrief, read_round_brief

log = structlog.get_logger(__name__)
BATCH = 50
WORK_SECONDS = 25.0
HEARTBEAT_PART = 1 / 6
"""The time between heartbeats, as a part of the heartbeat timeout."""
PAUSE_SECONDS = 0.5
MOST_FAILED = 1000
"""So many messages that failed are looked at for an overview, the newest ones."""
Result = TypeVar("Result")


class Handled(Enum):
    """What became of one message in one delivery."""

    DONE = "done"
    TAKEN = "taken"
    """Another delivery has it, or it is not waiting any more."""


class DeliveryRun:
    """One run of the activity `deliver_messages`."""

    def __init__(self, database: Database, internal: Internal, settings: Settings, request: DeliverMessages) -> None:
        self._database, self._internal, self._settings = database, internal, settings
        self._organization_id, self._announcement_id = request.organization_id, request.announcement_id
        self._stop_at = monotonic() + WORK_SECONDS

    async def deliver(self) -> Delivery:
        """Sends messages that are due, for at most `WORK_SECONDS`, and returns how far the announcement has come.

        Raises ChannelAway when a channel cannot be reached, such as the mail server; nothing is lost by that."""
        async with _heartbeats():
            facts: DeliveryFacts | None = None
            while self._may_go_on() and (due := await self._read_due()):
                facts = facts or await self._read_facts()
                round_ = await self._read_round(facts)
                if round_ is not None and round_.state is RoundState.CLOSED:
                    await self._drop_all()
                    break
                try:
                    people = [message.person_id for message in due]
                    batch = await read_batch_facts(self._internal, facts, round_, people)
                except Gone:
                    await self._drop_all()
                    break
                if not await self._deliver_batch(batch, due):
                    await asyncio.sleep(PAUSE_SECONDS)
        async with self._database.transaction() as session:
            return await store.read_delivery(session, self._organization_id, self._announcement_id)

    def _may_go_on(self) -> bool:
        stopping = activity.in_activity() and activity.is_worker_shutdown()
        return monotonic() < self._stop_at and not stopping

    async def _deliver_batch(self, batch: BatchFacts, due: list[DueMessage]) -> bool:
        """Over one connection a channel. False when every message is in other hands. A channel that is away ends the
        batch: messages for other channels wait with it."""
        progress = False
        async with AsyncExitStack() as stack:
            transports = {
                channel: await stack.enter_async_context(transport(self._settings))
                for channel, transport in TRANSPORTS.items()
            }
            for message in due:
                if not self._may_go_on():
                    return True
                handled = await _finished(self._deliver_one(transports, batch, message.id))
                progress = progress or handled is Handled.DONE
        return progress

    async def _deliver_one(self, transports: Mapping[Channel, Transport], batch: BatchFacts, id: UUID) -> Handled:
        now = datetime.now(UTC)
        failure: Exception | None = None
        async with self._database.transaction() as session:
            message = await store.claim(session, self._organization_id, id, now)
            if message is None:
                return Handled.TAKEN
            if (reason := batch.reason_not_to_send(message.person_id, now)) is not None:
                await store.mark_dropped(session, message, reason)
                return Handled.DONE
            if (moment := _sending_moment(batch, message.person_id, now)) > now:
                await store.reschedule(session, message, moment)  # it is outside sending hours now, as after a pause
                return Handled.DONE
            try:
                composed = compose(message, batch, self._settings, now)
                await transports[message.channel].send(composed)
            except RefusedForGood as refusal:
                # The id of the message would tell whose it is: it follows from the round, the template and the person.
                log.info("message.failed", announcement_id=str(self._announcement_id), code=refusal.code)
                await store.mark_failed(session, message, refusal.code)
            except PutOff:
                await self._postpone(session, message, batch, now)
            except ChannelAway:
                raise
            except Exception as error:  # a broken connection, or an error that only this message causes
                failure = error.away if isinstance(error, ConnectionLost) else error
                if now - batch.delivery.announced_at > LONGEST_WAIT:
                    await store.mark_failed(session, message, "undeliverable")
                else:
                    await store.count_attempt(session, message)
            else:
                await store.mark_sent(session, message, datetime.now(UTC))
        if failure is not None:
            raise failure
        return Handled.DONE

    async def _postpone(self, session: AsyncSession, message: ClaimedMessage, batch: BatchFacts, now: datetime) -> None:
        pause = pause_after(message.deferrals + 1)
        if pause is None:
            await store.mark_failed(session, message, "undeliverable")
            return
        await store.postpone(session, message, _sending_moment(batch, message.person_id, now + pause))

    async def _read_due(self) -> list[DueMessage]:
        async with self._database.transaction() as session:
            return await store.read_due(session, self._organization_id, self._announcement_id, datetime.now(UTC), BATCH)

    async def _read_facts(self) -> DeliveryFacts:
        async with self._database.transaction() as session:
            stored = await store.read_announcement(session, self._organization_id, self._announcement_id)
        facts = await read_delivery_facts(self._internal, stored.announcement, stored.created_at)
        if facts.overview is not None:
            return replace(facts, overview=await self._with_failed(facts.overview))
        if facts.brief is None:
            return facts
        async with self._database.transaction() as session:
            own = await read_own(session, self._organization_id, facts.brief.program_id, stored.announcement.template)
        return replace(facts, wordings=own)

    async def _with_failed(self, overview: Overview) -> Overview:
        wanted = store.WantedMessages(states=[MessageState.FAILED])
        newest = Page("-due_at", None, MOST_FAILED)
        async with self._database.transaction() as session:
            page = await store.list_messages(session, self._organization_id, wanted, (), newest)
        items = tuple(Failed(cycle_id=one.cycle_id, due_at=one.due_at) for one in page.items)
        return overview._replace(found=overview.found._replace(failed=Messages(items=items)))

    async def _read_round(self, facts: DeliveryFacts) -> RoundBrief | None:
        if facts.announcement.round_kind is None:
            return None
        async with self._database.transaction() as session:
            return await read_round_brief(session, self._organization_id, facts.announcement.scope_id)

    async def _drop_all(self) -> None:
        async with self._database.transaction() as session:
            await store.drop_waiting(session, self._organization_id, self._announcement_id, "round_closed")


def _sending_moment(batch: BatchFacts, person_id: UUID, earliest: datetime) -> datetime:
    return batch.delivery.earliest_for(batch.contacts[person_id], earliest)


@asynccontextmanager
async def _heartbeats() -> AsyncIterator[None]:
    """Sends heartbeats while the block runs, also while it waits, such as for a slow server (every wait has a time
    limit of its own). Heartbeats are the cost of a long delivery, as each is a billable action. A pause of the cycle
    cancels the delivery by the answer to the next heartbeat."""

    async def beat() -> None:
        timeout = activity.info().heartbeat_timeout if activity.in_activity() else None
        while timeout is not None:
            await asyncio.sleep(timeout.total_seconds() * HEARTBEAT_PART)
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


async def _finished(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of the work. If it is cancelled meanwhile, the work ends first, so that the row of a message that the
    server has taken is committed."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # marks it as retrieved; the cancellation is what is raised
        raise
