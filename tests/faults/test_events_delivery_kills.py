"""Relay and events worker killed at every boundary of fan-out and delivery: nothing is lost, nothing hangs."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.events import store_endpoints
from services.events.delivering import AT_ONCE
from tests.faults.events_process import PAGE, POINTS
from tests.faults.events_stand import Stand, standing
from tests.faults.kill_points import struck

BURST = 10


@pytest.fixture(scope="module")
async def stand() -> AsyncIterator[Stand]:
    """Killed at each point once, while events come."""
    with tempfile.TemporaryDirectory(prefix="upward-kills-", ignore_cleanup_errors=True) as folder:
        async with standing(Path(folder)) as stand:
            endpoint = await stand.add_endpoint()
            async with stand.database.transaction() as session:
                await store_endpoints.disable_endpoint(session, endpoint)
            await stand.emit(3 * PAGE)
            with stand.process("sender", tuple(POINTS)):
                await stand.last_sequence()
                async with stand.database.transaction() as session:
                    await store_endpoints.enable_endpoint(session, endpoint, catch_up=True)
                await stand.until_all_came()
                while set(struck(stand.folder)) != set(POINTS):
                    await stand.emit(BURST)
                    await stand.until_all_came()
                await stand.emit(BURST)
                await stand.until_all_came()
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
