"""What a delivery is: its states, its retries, and what failures mean for its endpoint. Pure.

Retries follow the schedule that Standard Webhooks recommends (https://www.standardwebhooks.com, "Delivery"): each
delay is counted from the end of the attempt before it, so an event is tried ten times within about 75 hours.
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
"""What passes after the first failed attempt, after the second, and so on; after the tenth an event is given up."""
JITTER = 0.2
LONGEST_RETRY_AFTER = timedelta(hours=24)
TELL_AT_FAILURES = 4
TELL_AGAIN_AFTER = timedelta(days=1)
TELL_DISABLING_AFTER = timedelta(days=4)
LEAST_NOTICE = timedelta(hours=12)
GONE_STATUS = 410


class DeliveryState(StrEnum):
    WAITING = "waiting"
    """To be sent, for the first time or again."""
    DELIVERED = "delivered"
    """The endpoint answered 2xx."""
    DEAD = "dead"
    """Every attempt failed; it can be replayed."""
    DROPPED = "dropped"
    """Not sent, as its endpoint was enabled again without catching up, or as the log has its event no more."""


class DrainState(StrEnum):
    IDLE = "idle"
    """Nothing is due; the endpoint's workflow is over or sleeps."""
    CALLED = "called"
    """There is something to send and the workflow is to be told."""
    DRAINING = "draining"
    """The workflow has been told."""


class BackfillKind(StrEnum):
    MISSED = "missed"
    """Events that have no delivery: what happened while the endpoint was disabled."""
    DEAD = "dead"
    """Deliveries that were given up."""
    ALL = "all"
    """Every event that the endpoint's types choose, delivered or not."""


class Due(NamedTuple):
    """A delivery that may be sent now."""

    event: EventRecord
    attempts: int
    """Those that failed."""


class Outcome(NamedTuple):
    """How one attempt went."""

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
    """An endpoint's failures so far."""

    failing_since: datetime | None
    told_failing_at: datetime | None
    told_disabling_at: datetime | None


class Verdict(NamedTuple):
    """What a group of attempts means for their endpoint."""

    health: Health
    tell: tuple[FailureStage, ...] = ()
    disable: DisableReason | None = None


class Schedule(NamedTuple):
    """When failed deliveries are tried again. `pace` shortens every delay, for tests and benches."""

    delays: Sequence[timedelta] = RETRY_DELAYS
    pace: float = 1.0

    def delay_after(
        self, attempts: int, retry_after: timedelta | None, chance: random.Random | None = None
    ) -> timedelta | None:
        """How long to wait once `attempts` (1 and up) have failed; None when it is given up.

        `Retry-After` can make it longer, up to a day, and never shorter.
        """
        if attempts > len(self.delays):
            return None
        draw = (chance or random).uniform(1 - JITTER, 1 + JITTER)
        asked = min(retry_after or timedelta(0), LONGEST_RETRY_AFTER)
        return max(self.delays[attempts - 1] * draw, asked) * self.pace


def judge(health: Health, outcomes: Sequence[Outcome], now: datetime) -> Verdict:
    """What these attempts, in the order in which they ended, mean for their endpoint.

    It is never disabled for its failures before its owner has been told, half a day earlier at least.
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
    """What sending to an endpoint takes."""

    endpoint_id: UUID
    organization_id: UUID
    url: str
    rate_limit: int
    secrets: tuple[str, ...]
