"""The rules of a delivery: its states, its retries, and what failed attempts mean for its endpoint. Pure.

Retries follow the schedule that Standard Webhooks recommends (https://www.standardwebhooks.com, "Delivery"). Each delay
is counted from the end of the attempt before it, so that an event is tried ten times within about 75 hours.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from shared.contracts.endpoints import DISABLED_AFTER, DisableReason, FailureStage
from shared.contracts.events import EventRecord

RETRY_DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The delay after the first failed attempt, after the second, and so on. After the tenth the event is given up."""
JITTER = 0.2
LONGEST_RETRY_AFTER = timedelta(hours=24)
TELL_AT_FAILURES = 4
TELL_AGAIN_AFTER = timedelta(days=1)
TELL_DISABLING_AFTER = timedelta(days=4)
LEAST_NOTICE = timedelta(hours=12)
GONE_STATUS = 410


class DeliveryState(StrEnum):
    WAITING = "waiting"
    """It is to be sent, for the first time or again."""
    DELIVERED = "delivered"
    """The endpoint answered 2xx."""
    DEAD = "dead"
    """Every attempt failed. It can be replayed."""
    DROPPED = "dropped"
    """It was not sent: its endpoint was enabled again without catching up, or the log does not hold its event any
    more."""


class DrainState(StrEnum):
    IDLE = "idle"
    """Nothing is due. The endpoint's workflow has ended or sleeps until the next retry."""
    CALLED = "called"
    """There is something to send, and the workflow has yet to be called."""
    DRAINING = "draining"
    """The workflow has been called, or its drain has begun."""


class BackfillKind(StrEnum):
    MISSED = "missed"
    """Events that have no delivery, as they happened while the endpoint was disabled."""
    DEAD = "dead"
    """Deliveries that were given up."""
    ALL = "all"
    """Every event of the endpoint's types, delivered or not."""


class Due(NamedTuple):
    """A delivery that may be sent now."""

    event: EventRecord
    attempts: int
    """How many attempts have failed."""


class Outcome(NamedTuple):
    """The result of one attempt."""

    due: Due
    started_at: datetime
    latency_ms: int
    status: int | None = None
    failure: str | None = None
    answer: str | None = None
    retry_after: timedelta | None = None

    @property
    def number(self) -> int:
        return self.due.attempts + 1

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        return self.status == GONE_STATUS


class Health(NamedTuple):
    """How long an endpoint has been failing, and what its owner has been told of it."""

    failing_since: datetime | None
    told_failing_at: datetime | None
    told_disabling_at: datetime | None


class Verdict(NamedTuple):
    """What a group of attempts means for its endpoint: its new health, what to tell its owner, and why to disable
    it."""

    health: Health
    tell: tuple[FailureStage, ...] = ()
    disable: DisableReason | None = None


class Schedule(NamedTuple):
    """When failed deliveries are tried again. A `pace` below 1 shortens every delay, for tests and benches."""

    delays: Sequence[timedelta] = RETRY_DELAYS
    pace: float = 1.0

    def delay_after(
        self, attempts: int, retry_after: timedelta | None, chance: random.Random | None = None
    ) -> timedelta | None:
        """How long to wait after `attempts` (1 and up) have failed; None if the delivery is given up.

        `retry_after`, from the answer, can make the delay longer, up to a day, and never shorter.
        """
        if attempts > len(self.delays):
            return None
        draw = (chance or random).uniform(1 - JITTER, 1 + JITTER)
        asked = min(retry_after or timedelta(0), LONGEST_RETRY_AFTER)
        return max(self.delays[attempts - 1] * draw, asked) * self.pace


def judge(health: Health, outcomes: Sequence[Outcome], now: datetime) -> Verdict:
    """What these attempts, in the order in which they ended, mean for their endpoint.

    An endpoint is disabled for its failures only if its owner has been told at least half a day before.
    """
    tell: list[FailureStage] = []
    for outcome in outcomes:
        if outcome.taken:
            health = health._replace(failing_since=None, told_disabling_at=None)
            continue
        if outcome.gone:
            return Verdict(health, tuple(tell), DisableReason.GONE)
        failing_since = health.failing_since or now
        health = health._replace(failing_since=failing_since)
        if outcome.number == TELL_AT_FAILURES and _passed(health.told_failing_at, TELL_AGAIN_AFTER, now):
            tell.append(FailureStage.FAILING)
            health = health._replace(told_failing_at=now)
        if now - failing_since < TELL_DISABLING_AFTER:
            continue
        if health.told_disabling_at is None:
            tell.append(FailureStage.DISABLING_SOON)
            health = health._replace(told_disabling_at=now)
        elif now - failing_since >= DISABLED_AFTER and _passed(health.told_disabling_at, LEAST_NOTICE, now):
            return Verdict(health, tuple(tell), DisableReason.FAILING)
    return Verdict(health, tuple(tell))


def _passed(moment: datetime | None, length: timedelta, now: datetime) -> bool:
    return moment is None or now - moment >= length


class EndpointToDrain(NamedTuple):
    """What a drain needs to know of its endpoint."""

    endpoint_id: UUID
    organization_id: UUID
    url: str
    rate_limit: int
    secrets: tuple[str, ...]
