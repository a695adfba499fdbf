"""A delivery that was killed goes on within 15 seconds: it is missed soon, and what it had leased is free by then. The
same holds for what prepares messages."""

from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment
from temporalio.workflow import ActivityConfig

from services.notifications.store.delivering import LEASE
from shared.temporal import PAUSE, longer_pauses
from workflows.options import DELIVERY, PREPARING


@pytest.mark.parametrize("options", [DELIVERY, PREPARING])
def test_what_was_killed_is_begun_again_within_fifteen_seconds(options: ActivityConfig) -> None:
    """It was missed after a minute once, in which a short round was over."""
    missed_after, retry = options["heartbeat_timeout"], options["retry_policy"]
    assert missed_after is not None
    assert retry is not None
    assert retry.maximum_interval is not None
    assert missed_after + retry.maximum_interval <= timedelta(seconds=15)
    assert missed_after >= LEASE


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.5), (2, 1), (5, 8), (8, 60), (500, 60)])
async def test_a_delivery_that_fails_is_tried_again_after_longer_pauses_than_one_that_was_killed(
    attempt: int, seconds: float
) -> None:
    """A mail server that is away for a day costs an attempt a minute."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=attempt)

    async def fail() -> None:
        with longer_pauses():
            raise ConnectionError

    with pytest.raises(ConnectionError) as raised:
        await environment.run(fail)
    assert getattr(raised.value, PAUSE) == timedelta(seconds=seconds)
