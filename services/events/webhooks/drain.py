"""Draining one endpoint: sending the deliveries that are due, until none has been due for some seconds.

The events of one subject are sent in their order, one after the other. Several subjects are sent at the same time, so
that one that hangs holds back only itself. No connection to the database is held while the drain waits for an answer.
An attempt is recorded when its answer is there. A process that dies in between leaves the delivery waiting, and the
event is sent again with the same `webhook-id` (at least once).
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.log.rules.cloudevents import cloud_event
from services.events.webhooks.connection import AttemptFailed
from services.events.webhooks.rules.delivery import (
    DeliveryState,
    Due,
    EndpointToDrain,
    Outcome,
    Schedule,
    Verdict,
    judge,
)
from services.events.webhooks.rules.signing import signed_headers
from services.events.webhooks.sender import Sender
from services.events.webhooks.store import deliveries
from services.events.webhooks.store.backfill import fill_page
from shared.contracts.base import Origin
from shared.contracts.endpoints import Drained, EndpointRef
from shared.database import Database
from shared.telemetry.metrics import ATTEMPTS, REGISTRY
from shared.telemetry.spans import current_traceparent, span
from shared.tracing import headers_of

log = structlog.get_logger(__name__)
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
AT_ONCE = 16
"""How many subjects of one endpoint are sent at the same time."""
LINGER_SECONDS = 5.0
"""A drain waits this long for more before it ends. Events come in groups, and beginning a drain costs Temporal a dozen
times the work of one delivery."""
LOOK_SECONDS = 1.0
"""A drain is woken when there are new deliveries. It also looks this often, for failed deliveries that are due
again."""
GATHER_SECONDS = 0.01
"""Attempts that end within this time of each other are recorded together, as that costs little more than recording
one."""
AHEAD_SECONDS = 0.25
"""Deliveries that the endpoint's rate allows within this time are taken up together in one transaction; each then waits
in a task of its own for its turn. Attempts that end meanwhile are recorded in the transaction that takes up the next
ones."""
NEARLY_SECONDS = 0.05
"""The next deliveries are taken up when the rate allows another one within this time."""
LONGEST_SECONDS = 300.0
"""A drain ends after this time even if more is due. Its workflow then begins the next one."""
SPREAD = 0.2
"""A drain may end sooner by up to this share of its longest time, so that drains that began together, as after a
restart, do not all end together."""


class Limits(NamedTuple):
    """How long a drain waits for more, and how long it lasts at most, in seconds."""

    linger: float = LINGER_SECONDS
    longest: float = LONGEST_SECONDS


class Drain:
    """One drain of one endpoint, from its begin to its end."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        endpoint: EndpointRef,
        schedule: Schedule = Schedule(),
        limits: Limits = Limits(),
        woken: asyncio.Event | None = None,
    ) -> None:
        """`woken` is set from outside when there are new deliveries."""
        self._database = database
        self._sender = sender
        self._endpoint = endpoint
        self._schedule = schedule
        self._limits = limits
        self._under_way: dict[asyncio.Task[Outcome], str] = {}
        self._woken = woken or asyncio.Event()
        self._next_start = 0.0

    async def run(self, heartbeat: Callable[[], object], stopping: Callable[[], bool] = lambda: False) -> Drained:
        """Sends until nothing is due, the time is over, or the process is `stopping`. Attempts that are under way are
        finished. `heartbeat` is called about every second."""
        async with self._database.transaction() as session:
            if not await deliveries.begin_drain(session, self._endpoint):
                return Drained()
        try:
            await self._fill(heartbeat)
            return await self._send(heartbeat, stopping)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _fill(self, heartbeat: Callable[[], object]) -> None:
        """Turns all backfills into deliveries, before anything is sent: a subject's older events go before its newer
        ones."""
        more = True
        while more:
            heartbeat()
            async with self._database.transaction() as session:
                more = await fill_page(session, self._endpoint)

    async def _send(self, heartbeat: Callable[[], object], stopping: Callable[[], bool]) -> Drained:
        clock = asyncio.get_running_loop().time
        ends_at = clock() + self._limits.longest * random.uniform(1 - SPREAD, 1)  # noqa: S311 (no secret)
        quiet_since, enabled = clock(), True
        ended: list[asyncio.Task[Outcome]] = []
        while True:
            heartbeat()
            self._woken.clear()
            over = clock() >= ends_at or stopping()
            enabled = await self._record_and_take_up(ended, take_up=enabled and not over) and enabled
            ended = []
            if self._under_way:
                ended = await self._wait_for_some()
                quiet_since = clock()
            elif not enabled:
                return Drained()
            elif over:
                return Drained(next_due_at=datetime.now(UTC))
            elif clock() - quiet_since < self._limits.linger:
                await self._wait(min(self._look_in, self._limits.linger))
            elif (drained := await self._rest()) is not None:
                return drained
            else:
                await self._fill(heartbeat)

    async def _record_and_take_up(self, ended: Sequence[asyncio.Task[Outcome]], *, take_up: bool) -> bool:
        """Records the attempts that have ended and, in the same transaction, takes up deliveries that are due, as far
        as there is room and the endpoint's rate allows. False if the endpoint is disabled."""
        busy = {subject for task, subject in self._under_way.items() if task not in ended}
        room = AT_ONCE - len(busy) if take_up and not self._is_ahead(NEARLY_SECONDS) else 0
        if not ended and room <= 0:
            return True
        due: list[Due] = []
        endpoint: EndpointToDrain | None = None
        async with self._database.transaction() as session:
            if ended:
                await self._record(session, [task.result() for task in ended])
            if room > 0:
                due = await deliveries.read_due(session, self._endpoint, room, busy)
            if due:
                endpoint = await deliveries.read_endpoint(session, self._endpoint)
        for task in ended:
            del self._under_way[task]
        if endpoint is not None:
            self._start(endpoint, due)
        return endpoint is not None or not due

    def _start(self, endpoint: EndpointToDrain, due: Sequence[Due]) -> None:
        clock = asyncio.get_running_loop().time
        for one in due:
            if self._is_ahead(AHEAD_SECONDS):
                break
            starts = max(self._next_start, clock())
            self._next_start = starts + 1 / endpoint.rate_limit
            task = asyncio.create_task(self._attempt(endpoint, one, starts - clock()))
            self._under_way[task] = one.event.subject

    def _is_ahead(self, seconds: float) -> bool:
        """Whether the deliveries that have been taken up use the endpoint's rate for more than so many seconds."""
        return self._next_start - asyncio.get_running_loop().time() > seconds

    @property
    def _look_in(self) -> float:
        """Seconds until the next look: until the endpoint's rate allows more, and at most `LOOK_SECONDS`."""
        ahead = self._next_start - asyncio.get_running_loop().time()
        return min(ahead - NEARLY_SECONDS / 2, LOOK_SECONDS) if ahead > NEARLY_SECONDS else LOOK_SECONDS

    async def _attempt(self, endpoint: EndpointToDrain, due: Due, delay: float) -> Outcome:
        await asyncio.sleep(delay)
        body = cloud_event(due.event).model_dump_json().encode()
        clock, started_at = asyncio.get_running_loop().time, datetime.now(UTC)
        started = clock()
        headers = signed_headers(endpoint.secrets, str(due.event.id), started_at, body)
        outcome = Outcome(due, started_at, 0)
        origin = due.event.origin or Origin()
        try:
            with span("webhook.attempt", kind="client", parent=origin.traceparent, linked=True):
                told = origin.model_copy(update={"traceparent": current_traceparent() or origin.traceparent})
                headers |= {"content-type": CONTENT_TYPE} | headers_of(told)
                answer = await self._sender.post(endpoint.url, headers, body, endpoint=endpoint.endpoint_id)
            outcome = outcome._replace(status=answer.status, answer=answer.text, retry_after=answer.retry_after)
        except AttemptFailed as failure:
            outcome = outcome._replace(failure=failure.code)
        REGISTRY.count(ATTEMPTS, "taken" if outcome.taken else "refused" if outcome.status else "failed")
        outcome = outcome._replace(latency_ms=round((clock() - started) * 1000))
        log.info(
            "delivery.attempted",
            organization_id=str(endpoint.organization_id),
            endpoint_id=str(endpoint.endpoint_id),
            event_id=str(due.event.id),
            number=outcome.number,
            status=outcome.status,
            failure=outcome.failure,
            ms=outcome.latency_ms,
            request_id=due.event.origin.request_id if due.event.origin is not None else None,
        )
        return outcome

    async def _wait(self, seconds: float) -> None:
        """Waits until an attempt has ended, the drain is woken, or the time is over."""
        call = asyncio.create_task(self._woken.wait())
        try:
            await asyncio.wait({call, *self._under_way}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            call.cancel()

    async def _wait_for_some(self) -> list[asyncio.Task[Outcome]]:
        """Waits, and returns the attempts that have ended; none if the drain was woken or the time was over first."""
        await self._wait(self._look_in)
        if 0 < sum(task.done() for task in self._under_way) < len(self._under_way):
            held_back = self._is_ahead(NEARLY_SECONDS)
            await asyncio.sleep(min(self._look_in, AHEAD_SECONDS) if held_back else GATHER_SECONDS)
        return [task for task in self._under_way if task.done()]

    async def _record(self, session: AsyncSession, outcomes: list[Outcome]) -> None:
        locked = await deliveries.lock_health(session, self._endpoint)
        if locked is None:
            return
        health, owner_id, now = locked
        await deliveries.record_attempts(session, self._endpoint, outcomes)
        taken = [outcome for outcome in outcomes if outcome.taken]
        await deliveries.finish(session, self._endpoint, taken, DeliveryState.DELIVERED)
        for outcome in outcomes:
            if outcome.taken or outcome.gone:
                continue
            delay = self._schedule.delay_after(outcome.number, outcome.retry_after)
            if delay is None:
                await deliveries.finish(session, self._endpoint, [outcome], DeliveryState.DEAD)
            else:
                await deliveries.put_off(session, self._endpoint, outcome, delay)
        subjects = {outcome.due.event.subject for outcome in outcomes}
        await deliveries.update_queues(session, self._endpoint, subjects)
        if (verdict := judge(health, outcomes, now)) != Verdict(health):
            await deliveries.save_verdict(session, self._endpoint, owner_id, verdict)

    async def _rest(self) -> Drained | None:
        """Ends the drain, unless a delivery became due meanwhile or a replay was asked for. None if it does not end."""
        async with self._database.transaction() as session:
            if await deliveries.lock_health(session, self._endpoint) is None:
                return Drained()
            await deliveries.drop_lost(session, self._endpoint)
            rested, next_due_at = await deliveries.rest(session, self._endpoint)
        return Drained(next_due_at=next_due_at) if rested else None
