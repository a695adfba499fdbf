"""Killed at every boundary of a drain, from its first page of the past to its end: nothing is lost, nothing hangs."""

from collections.abc import AsyncIterator

import pytest

from services.events.webhooks.drain import AT_ONCE
from tests.faults.events_process import DRAIN_POINTS as POINTS
from tests.faults.events_stand import Stand, killed_at
from tests.faults.kill_points import Moment, struck

QUICK = ("about_to_send", "answered_unrecorded", "recorded")
"""One of each kind; `make long` dies at every point."""


@pytest.fixture(
    scope="module", params=[QUICK, pytest.param(tuple(POINTS), marks=pytest.mark.long)], ids=["some", "all"]
)
def points(request: pytest.FixtureRequest) -> tuple[str, ...]:
    found: tuple[str, ...] = request.param
    return found


@pytest.fixture(scope="module")
async def stand(points: tuple[str, ...]) -> AsyncIterator[Stand]:
    async with killed_at(points) as stand:
        yield stand


async def test_every_point_has_struck(stand: Stand, points: tuple[str, ...]) -> None:
    assert set(struck(stand.folder)) == set(points)


def test_the_quick_points_are_of_every_kind() -> None:
    assert {POINTS[name].moment for name in QUICK} == set(Moment)


async def test_every_event_came_of_each_subject_in_order(stand: Stand) -> None:
    assert set(stand.receiver.sequences) == set(range(1, await stand.last_sequence() + 1))
    assert stand.out_of_order() == {}


async def test_only_what_was_under_way_came_twice(stand: Stand, points: tuple[str, ...]) -> None:
    assert stand.sent_again == []
    again = len(stand.receiver.received) - len(set(stand.receiver.sequences))
    assert again <= AT_ONCE * len(points)
