"""Killed at every boundary of a drain, from its first page of the past to its end: nothing is lost, nothing hangs."""

from collections.abc import AsyncIterator

import pytest

from services.events.webhooks.drain import AT_ONCE
from tests.faults.events_process import DRAIN_POINTS as POINTS
from tests.faults.events_stand import Stand, killed_at
from tests.faults.kill_points import struck


@pytest.fixture(scope="module")
async def stand() -> AsyncIterator[Stand]:
    async with killed_at(POINTS) as stand:
        yield stand


async def test_every_point_has_struck(stand: Stand) -> None:
    assert set(struck(stand.folder)) == set(POINTS)


async def test_every_event_came_of_each_subject_in_order(stand: Stand) -> None:
    assert set(stand.receiver.sequences) == set(range(1, await stand.last_sequence() + 1))
    assert stand.out_of_order() == {}


async def test_only_what_was_under_way_came_twice(stand: Stand) -> None:
    assert stand.sent_again == []
    again = len(stand.receiver.received) - len(set(stand.receiver.sequences))
    assert again <= AT_ONCE * len(POINTS)
