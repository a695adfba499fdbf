"""Servers away, workers killed and doubled in the middle of deliveries: they wait, go on, and keep their order."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.events_stand import Stand, standing
from tests.faults.kill_points import kill_postgres
from tests.webhook_receiver import Received, Reply

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
async def stand() -> AsyncIterator[Stand]:
    """With two processes of relay and events worker, and one endpoint."""
    with tempfile.TemporaryDirectory(prefix="upward-away-", ignore_cleanup_errors=True) as folder:
        async with standing(Path(folder)) as stand:
            await stand.add_endpoint()
            with stand.process("one"), stand.process("two"):
                await stand.emit(50)
                await stand.until_all_came()
                yield stand


@pytest.fixture
async def slow(stand: Stand) -> AsyncIterator[None]:
    """The receiver takes its time: whatever happens next happens in the middle of a drain."""

    async def take_slowly(received: Received) -> Reply:
        await asyncio.sleep(0.1)
        return await stand.take(received)

    stand.receiver.decide = take_slowly
    yield
    stand.receiver.decide = stand.take


async def in_the_middle(stand: Stand) -> None:
    """Some of many events have come."""
    came = len(stand.receiver.sequences)
    await stand.emit(100, subjects=10)
    await stand.until(lambda: len(stand.receiver.sequences) >= came + 20)


async def test_of_two_relays_and_workers_each_event_comes_once(stand: Stand) -> None:
    assert sorted(stand.receiver.sequences) == list(range(1, await stand.last_sequence() + 1))
    assert stand.out_of_order() == {}


@pytest.mark.usefixtures("slow")
async def test_another_worker_goes_on_with_the_drain_of_one_that_was_killed(stand: Stand) -> None:
    await in_the_middle(stand)
    stand.kill("one")
    stand.kill("two")
    await stand.until_all_came()
    assert (stand.out_of_order(), stand.sent_again) == ({}, [])


@pytest.mark.usefixtures("slow")
async def test_deliveries_go_on_when_postgres_is_back(stand: Stand) -> None:
    await in_the_middle(stand)
    kill_postgres(stand.folder)
    await asyncio.sleep(1)
    await asyncio.to_thread(stand.postgres.start)
    await stand.database.engine.dispose()
    await stand.until_all_came()
    assert (stand.out_of_order(), stand.sent_again) == ({}, [])


async def test_deliveries_wait_for_temporal(stand: Stand) -> None:
    await asyncio.to_thread(stand.temporal.stop, kill=True)
    await stand.emit(20)
    await asyncio.sleep(2)
    await asyncio.to_thread(stand.temporal.start)
    await stand.until_all_came()
    assert (stand.out_of_order(), stand.sent_again) == ({}, [])
