"""Sending the messages that are due, over several connections at once.

A delivery leases a batch of messages (`leasing.py`), sends them without a connection to Postgres, and marks each row as
`sent` right after the server's 250, before the connection takes another message. So two deliveries at the same time
(one that was believed dead, and its retry) never send the same message. Whatever fails before the 250 leaves the row
waiting.

**The one way to two copies.** SMTP and Postgres share no transaction. If the process, its machine or the connection
dies *after the server took a message and before the row was committed*, the row is still waiting and the message is
sent again. It then has the same Message-ID, as that is derived and stored before anything is sent. This concerns at
most the one message that each connection to the mail server is sending. No message is ever lost or sent under another
id. Cancelling does not lead to two copies, as the messages that are being sent are finished first.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any, TypeVar
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

import structlog
from temporalio import activity

from services.notifications.channels.connections import Connections
from services.notifications.channels.transport import ChannelAway, ConnectionLost, PutOff, RefusedForGood, Transport
from services.notifications.composing import compose
from services.notifications.facts import BatchFacts, DeliveryFacts, read_batch_facts, read_delivery_facts
from services.notifications.leasing import Change, Lease
from services.notifications.rules.messages import LONGEST_WAIT, ClaimedMessage, MessageState, pause_after
from services.notifications.rules.overview import Overview
from services.notifications.store import delivering as store
from services.notifications.store import messages
from services.notifications.store.holding import Hold
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
from shared.temporal import heartbeats, is_stopping

log = structlog.get_logger(__name__)
BATCH = 400
WORK_SECONDS = 25.0
PAUSE_SECONDS = 0.5
LOOKS_AGAIN = timedelta(minutes=10)
"""So long after its cycle was found paused, what is sent again is looked at again. Nobody tells its workflow that the
pause is over, and each look costs billable actions."""
ATTEMPTS_BEFORE = 10
"""So many attempts before this one may have left messages that are still leased."""
MOST_FAILED = 1000
"""So many messages that failed are looked at for an overview, the newest ones."""
NOT_HELD = Hold(None, None)
Result = TypeVar("Result")


class DeliveryRun:
    """One run of the activity `deliver_messages`."""

    def __init__(
        self,
        database: Database,
        internal: Internal,
        settings: Settings,
        connections: Connections,
        request: DeliverMessages,
    ) -> None:
        self._database, self._internal, self._settings = database, internal, settings
        self._connections = connections
        self._organization_id, self._announcement_id = request.organization_id, request.announcement_id
        self._again = request.again
        self._lease = Lease(database, request.organization_id, request.announcement_id, *_lease_ids())
        self._stop_at = monotonic() + WORK_SECONDS
        self._held = NOT_HELD
        self._answered = False
        """Whether the channel has said what becomes of a message. Links are made for a whole batch only then, because a
        delivery that fails before leaves its links to nobody."""

    async def deliver(self) -> Delivery:
        """Sends messages that are due, for at most `WORK_SECONDS` once what they need is read, and returns how far the
        announcement has come.

        Raises ChannelAway when a channel cannot be reached, such as the mail server; nothing is lost by that."""
        async with heartbeats(), self._connections.kept(), self._lease.renewed():
            self._held = await self._lease.read_hold()
            facts: DeliveryFacts | None = None
            paused = False
            while self._may_go_on():
                if not (claimed := await self._lease.claim(BATCH if self._answered else self._connections.most)):
                    if not await self._lease.others_have():
                        break
                    await asyncio.sleep(PAUSE_SECONDS)
                    continue
                if facts is None:
                    facts = await self._read_facts()
                    # What is read for many people takes its time, in which nothing can be sent.
                    self._stop_at = monotonic() + WORK_SECONDS
                if paused := self._again and facts.brief is not None and facts.brief.paused:
                    break
                round_ = await self._read_round(facts)
                if round_ is not None and round_.state is RoundState.CLOSED:
                    await self._lease.drop_all("round_closed")
                    break
                if round_ is not None and not self._answered:
                    await self._connect(claimed)
                try:
                    people = [message.person_id for message in claimed]
                    batch = await read_batch_facts(self._internal, facts, round_, people)
                except Gone:
                    await self._lease.drop_all("round_closed")
                    break
                await self._deliver_batch(batch, claimed)
        async with self._database.transaction() as session:
            answer = await store.read_delivery(session, self._organization_id, self._announcement_id)
        return answer.model_copy(update={"next_due_at": datetime.now(UTC) + LOOKS_AGAIN}) if paused else answer

    def _may_go_on(self) -> bool:
        waits = self._held.until is not None and datetime.now(UTC) < self._held.until
        return monotonic() < self._stop_at and not is_stopping() and not waits

    async def _connect(self, claimed: list[ClaimedMessage]) -> None:
        """Sees that the channels take connections. Raises ChannelAway."""
        for channel in dict.fromkeys(message.channel for message in claimed):
            async with self._connections.turn(self._organization_id, channel) as transport:
                await transport.connect()

    async def _deliver_batch(self, batch: BatchFacts, claimed: list[ClaimedMessage]) -> None:
        """Over several connections at once. A failure that only one message causes ends the batch, so that it is seen.
        A connection that the mail server does not take ends nothing while others send: many servers take only a few of
        one client. A channel that is away altogether ends the batch; messages for other channels wait with it."""
        now = datetime.now(UTC)
        unsent = {message.id: change for message in claimed if (change := _unless_sent(batch, message, now))}
        await self._lease.record(*unsent.values())
        left = deque(message for message in claimed if message.id not in unsent)
        sending = min(len(left), self._connections.most)

        async def send_in_turn() -> None:
            nonlocal sending
            while left and self._may_go_on() and self._lease.holds:
                message = left.popleft()
                try:
                    async with self._connections.turn(self._organization_id, message.channel) as transport:
                        if self._may_go_on() and self._lease.holds:
                            await _finished(self._deliver_one(transport, batch, message))
                except ChannelAway:
                    if sending == 1:
                        raise
                    left.appendleft(message)
                    break
            sending -= 1

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(sending):
                    group.create_task(send_in_turn())
        except BaseExceptionGroup as failures:
            failure = failures.exceptions[0]
            raise (failure.away if isinstance(failure, ConnectionLost) else failure) from None

    async def _deliver_one(self, transport: Transport, batch: BatchFacts, message: ClaimedMessage) -> None:
        now = datetime.now(UTC)
        if (change := _unless_sent(batch, message, now)) is not None:
            await self._lease.record(change)
            return
        try:
            await transport.send(compose(message, batch, self._settings, now))
        except RefusedForGood as refusal:
            await self._refused(message, refusal, now)
        except PutOff:
            self._answered = True
            await self._lease.record(_put_off(batch, message, now))
        except ChannelAway:
            raise
        except Exception:  # a broken connection, or an error that only this message causes
            if now - message.due_at > LONGEST_WAIT:
                await self._lease.record(partial(store.mark_failed, message=message, code="undeliverable"))
            else:
                await self._lease.record(partial(store.count_attempt, message=message))
            raise
        else:
            self._answered = True
            await self._lease.record_sent(message)
            self._connections.refusals[message.channel].taken()
            if self._held.code is not None:
                self._held = NOT_HELD
                await self._lease.lift()

    async def _refused(self, message: ClaimedMessage, refusal: RefusedForGood, now: datetime) -> None:
        """The message has failed. If the channel refuses everybody, the announcement waits instead."""
        self._answered = self._answered or refusal.asked
        held_until = self._held.until if self._held.code == refusal.code else None
        everybody = refusal.asked and self._connections.refusals[message.channel].refused(refusal.code, held_until)
        if everybody and now - message.due_at <= LONGEST_WAIT:
            log.warning("announcement.held", announcement_id=str(self._announcement_id), code=refusal.code)
            self._held = await self._lease.hold(message, refusal.code)
            return
        # The id of the message would tell whose it is: it follows from the round, the template and the person.
        log.info("message.failed", announcement_id=str(self._announcement_id), code=refusal.code)
        await self._lease.record(partial(store.mark_failed, message=message, code=refusal.code))

    async def _read_facts(self) -> DeliveryFacts:
        async with self._database.transaction() as session:
            stored = await messages.read_announcement(session, self._organization_id, self._announcement_id)
        facts = await read_delivery_facts(self._internal, stored.announcement, stored.created_at)
        if facts.overview is not None:
            return replace(facts, overview=await self._with_failed(facts.overview))
        if facts.brief is None:
            return facts
        async with self._database.transaction() as session:
            own = await read_own(session, self._organization_id, facts.brief.program_id, stored.announcement.template)
        return replace(facts, wordings=own)

    async def _with_failed(self, overview: Overview) -> Overview:
        wanted = messages.WantedMessages(states=[MessageState.FAILED])
        newest = Page("-due_at", None, MOST_FAILED)
        async with self._database.transaction() as session:
            page = await messages.list_messages(session, self._organization_id, wanted, (), newest)
        items = tuple(Failed(cycle_id=one.cycle_id, due_at=one.due_at) for one in page.items)
        return overview._replace(found=overview.found._replace(failed=Messages(items=items)))

    async def _read_round(self, facts: DeliveryFacts) -> RoundBrief | None:
        if facts.announcement.round_kind is None:
            return None
        async with self._database.transaction() as session:
            return await read_round_brief(session, self._organization_id, facts.announcement.scope_id)


def _lease_ids() -> tuple[UUID, list[UUID]]:
    """The id of this delivery's lease, and those of the leases that the attempts before it had."""
    if not activity.in_activity():
        return uuid4(), []
    info = activity.info()
    attempts = range(max(1, info.attempt - ATTEMPTS_BEFORE), info.attempt + 1)
    *before, own = (uuid5(NAMESPACE_OID, f"{info.workflow_run_id}-{info.activity_id}-{one}") for one in attempts)
    return own, before


def _unless_sent(batch: BatchFacts, message: ClaimedMessage, now: datetime) -> Change | None:
    """What becomes of the message if it is not sent now: it is not needed any more, or it is outside the sending hours,
    as after a pause. None if it is sent."""
    if (reason := batch.reason_not_to_send(message.person_id, now)) is not None:
        return partial(store.mark_dropped, message=message, code=reason)
    if (moment := _sending_moment(batch, message.person_id, now)) > now:
        return partial(store.reschedule, message=message, due_at=moment)
    return None


def _put_off(batch: BatchFacts, message: ClaimedMessage, now: datetime) -> Change:
    """What becomes of a message that its channel wants to be asked about again later."""
    pause = pause_after(message.deferrals + 1)
    if pause is None:
        return partial(store.mark_failed, message=message, code="undeliverable")
    return partial(store.postpone, message=message, due_at=_sending_moment(batch, message.person_id, now + pause))


def _sending_moment(batch: BatchFacts, person_id: UUID, earliest: datetime) -> datetime:
    return batch.delivery.earliest_for(batch.contacts[person_id], earliest)


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
