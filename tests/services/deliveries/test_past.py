"""Which past events an endpoint gets and which not: chosen types, tests, replays, catching up, retention."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select

from services.events.log.models import Event
from services.events.webhooks import switching
from services.events.webhooks.rules.delivery import DeliveryState
from services.events.webhooks.rules.endpoints import ReplayRequest
from services.events.webhooks.sender import Sender
from services.events.webhooks.store import endpoints
from services.events.webhooks.store.fan_out import lock_fanout, read_called
from shared.contracts.endpoints import DisableReason, Drained, EndpointRef, EndpointState
from shared.contracts.events import PairCompleted
from shared.database import Database
from shared.events import StagedEvent
from tests.patience import PATIENCE_SECONDS
from tests.services.deliveries.stand import (
    drain,
    fail,
    make_due,
    make_endpoint,
    paused,
    row_of,
    spread,
    states,
    switch_off,
    tell,
)
from tests.webhook_receiver import Received, Receiver, Reply, receiving


async def test_an_endpoint_that_answers_410_is_disabled_at_once_and_gets_everything_when_it_is_enabled(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    async def gone(received: Received) -> Reply:
        return Reply(410)

    receiver.decide = gone
    await tell(db, organization_id, paused(1), paused(1))
    assert await drain(db, sender, endpoint) == Drained()
    row = await row_of(db, endpoint)
    assert (row.state, row.disable_reason) == (EndpointState.DISABLED, DisableReason.GONE)
    await tell(db, organization_id, paused(2))
    assert await drain(db, sender, endpoint) == Drained()
    assert len(receiver.received) == 1, "nothing is sent while it is disabled"
    receiver.decide = Receiver("").decide
    await switching.enable_endpoint(db, endpoint, catch_up=True)
    await spread(db)
    await drain(db, sender, endpoint)
    types = {one.sequence: one.event.get_type() for one in receiver.taken}
    assert sorted(types) == [1, 2, 3, 4, 5]
    assert [types[3], types[5]] == ["app.upward.endpoint.disabled.v1", "app.upward.endpoint.enabled.v1"]


@pytest.mark.parametrize("catch_up", [True, False])
async def test_what_a_long_queue_costs_is_done_while_the_fan_out_goes_on(
    database: Database, receiver: Receiver, catch_up: bool
) -> None:
    """The long work before an endpoint is enabled, and after it was disabled to be deleted, needs no lock of the
    fan-out."""
    organization_id = uuid4()
    endpoint = await make_endpoint(database, organization_id, receiver)
    await switch_off(database, endpoint)
    async with database.transaction() as fan_out, asyncio.timeout(PATIENCE_SECONDS):
        await lock_fanout(fan_out)
        async with database.transaction() as session:
            await endpoints.prepare_to_enable(session, endpoint, catch_up)
        enabling = asyncio.create_task(switching.enable_endpoint(database, endpoint, catch_up=catch_up))
        await asyncio.wait([enabling], timeout=0.5)
        assert not enabling.done(), "only the last step waits"
    assert (await enabling).state is EndpointState.ENABLED
    async with database.transaction() as fan_out, asyncio.timeout(PATIENCE_SECONDS):
        await lock_fanout(fan_out)
        await switching.delete_endpoint(database, endpoint)
    async with database.transaction() as session:  # nothing of this is rolled back
        await session.execute(delete(StagedEvent).where(StagedEvent.organization_id == organization_id))


async def test_an_endpoint_that_is_enabled_without_catching_up_gets_what_comes(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    await tell(db, organization_id, paused(1))
    await switch_off(db, endpoint)
    await tell(db, organization_id, paused(2))
    await switching.enable_endpoint(db, endpoint, catch_up=False)
    await tell(db, organization_id, paused(3))
    await drain(db, sender, endpoint)
    assert [one.event.get_type() for one in receiver.taken] == [
        "app.upward.endpoint.enabled.v1",
        "app.upward.cycle.paused.v1",
    ]
    assert (await states(db, endpoint))[1] == DeliveryState.DROPPED


async def test_types_choose_and_a_test_reaches_its_own_endpoint_alone(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    async with receiving() as other:
        pairs = await make_endpoint(db, organization_id, other, types=("pair.completed",))
        await tell(db, organization_id, paused(1), PairCompleted(pair_id=uuid4(), cycle_id=uuid4()))
        async with db.transaction() as session:
            await endpoints.test_endpoint(session, pairs)
        await spread(db)
        await tell(db, uuid4(), paused(9))
        for one in (endpoint, pairs):
            await drain(db, sender, one)
        assert sorted(receiver.sequences) == [1, 2]
        assert sorted(one.event.get_type() for one in other.taken) == [
            "app.upward.endpoint.tested.v1",
            "app.upward.pair.completed.v1",
        ]


async def test_replays_come_in_order_with_the_same_webhook_id(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    await tell(db, organization_id, *(paused(number % 2) for number in range(6)))
    await drain(db, sender, endpoint)
    before = {one.sequence: one.headers["webhook-id"] for one in receiver.taken}
    receiver.taken.clear()
    async with db.transaction() as session:
        since = await session.scalar(select(Event.recorded_at).where(Event.sequence == 5))
    for wanted, expected in (
        (ReplayRequest(what="all", sequence=2), [2]),
        (ReplayRequest(what="all", from_sequence=2, to_sequence=4), [2, 3, 4]),
        (ReplayRequest(what="all", since=since), [5, 6]),
        (ReplayRequest(what="dead", from_sequence=1), []),
    ):
        async with db.transaction() as session:
            await endpoints.replay(session, endpoint, wanted)
        await drain(db, sender, endpoint)
        assert sorted(receiver.sequences) == expected
        assert all(one.headers["webhook-id"] == before[one.sequence] for one in receiver.taken)
        receiver.taken.clear()


async def test_dead_letters_are_replayed_and_nothing_else(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    await tell(db, organization_id, paused(1), paused(2))
    await drain(db, sender, endpoint)
    receiver.decide = fail
    await tell(db, organization_id, paused(3))
    for _ in range(10):
        await drain(db, sender, endpoint)
        await make_due(db, endpoint)
    assert (await states(db, endpoint))[3] == DeliveryState.DEAD
    receiver.decide = Receiver("").decide
    receiver.taken.clear()
    async with db.transaction() as session:
        await endpoints.replay(session, endpoint, ReplayRequest(from_sequence=1))
    await drain(db, sender, endpoint)
    assert receiver.sequences[:1] == [3]
    assert (await states(db, endpoint))[3] == DeliveryState.DELIVERED


async def test_a_call_is_noted_only_if_no_later_one_came(
    db: Database, organization_id: UUID, endpoint: EndpointRef
) -> None:
    await tell(db, organization_id, paused(1))
    async with db.transaction() as session:
        [called] = [one for one in await read_called(session, 100) if one.endpoint == endpoint]
    assert called.calls == 1
