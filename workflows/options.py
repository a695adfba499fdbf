"""How activities are called. All options are here, one set for each service.

The task queue is the service's name. Retries never give up, so that an outage is waited out; an expected failure is
raised as one that is not retried (`shared.temporal`).
"""

from dataclasses import replace
from datetime import timedelta

from temporalio.common import Priority, RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityConfig

from shared.contracts.base import Service

RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), backoff_coefficient=2, maximum_interval=timedelta(minutes=1)
)


SOON = replace(RETRY, maximum_interval=timedelta(seconds=5))
"""For an activity that runs for minutes. That an earlier attempt failed says little about the next one, so that the
pause between attempts stays short."""

BULK = Priority(priority_key=4)
"""For work that takes long and that nobody waits for at a page: what else waits in its queue goes first. The default is
3. Organizations take turns within each level, as an activity has the fairness key of its workflow."""


def _options(
    service: Service, *, seconds: int = 60, heartbeat: int | None = None, retry: RetryPolicy = RETRY
) -> ActivityConfig:
    options = ActivityConfig(
        task_queue=service.value, start_to_close_timeout=timedelta(seconds=seconds), retry_policy=retry
    )
    if heartbeat is not None:
        options["heartbeat_timeout"] = timedelta(seconds=heartbeat)
    return options


PROGRAMS = _options(Service.PROGRAMS)
INTAKE = _options(Service.INTAKE)
MATCHING = _options(Service.MATCHING, seconds=1800, heartbeat=60)
PROPOSING = ActivityConfig(**MATCHING, priority=BULK)
FEEDBACK = _options(Service.FEEDBACK)
NOTIFICATIONS = _options(Service.NOTIFICATIONS, seconds=300, heartbeat=60)
DELIVERY = ActivityConfig(
    **_options(
        Service.NOTIFICATIONS,
        seconds=300,
        heartbeat=12,
        retry=replace(SOON, maximum_interval=timedelta(seconds=3)),
    ),
    cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    priority=BULK,
)
"""How messages are delivered. A delivery that was killed is missed after 12 seconds, and begun again within 15."""
PREPARING = ActivityConfig(
    **_options(
        Service.NOTIFICATIONS,
        seconds=300,
        heartbeat=12,
        retry=replace(SOON, maximum_interval=timedelta(seconds=3)),
    ),
    priority=BULK,
)
"""How messages are prepared while the first of their announcement go out. That it was killed is missed as soon."""
EVENTS = _options(Service.EVENTS, seconds=600, heartbeat=20, retry=SOON)

OPTIONS: dict[Service, ActivityConfig] = {
    Service.PROGRAMS: PROGRAMS,
    Service.INTAKE: INTAKE,
    Service.MATCHING: MATCHING,
    Service.FEEDBACK: FEEDBACK,
    Service.NOTIFICATIONS: NOTIFICATIONS,
    Service.EVENTS: EVENTS,
}
"""The options of each service that has activities, for calls whose service is known only when they are made."""
