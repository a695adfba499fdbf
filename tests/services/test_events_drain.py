"""Draining an endpoint: real Postgres, real HTTP, and the schedule of retries."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import ip_network
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update

from services.events import store_endpoints
from services.events.deliveries import RETRY_DELAYS, DeliveryState, DrainState, Schedule
from services.events.delivering import Drain, Limits
from services.events.endpoints import EndpointDefinition, ReplayRequest
from services.events.models import Event
from services.events.models_endpoints import AttemptRow, DeliveryRow, EndpointRow, EndpointSecret, Lane
from services.events.outbound import Sender
from services.events.sequencer import sequence_batch
from services.events.signing import new_secret
from services.events.store_fanout import fan_out, read_called
from shared.contracts.endpoints import DisableReason, Drained, EndpointRef, EndpointState
from shared.contracts.events import CyclePaused, EventData, PairCompleted
from shared.database import Database
from shared.events import StagedEvent, emit
from tests.webhook_receiver import Received, Receiver, Reply, receiving

OWNER = uuid4()
SECRET = new_secret()
QUICK = Limits(linger=0.05, longest=20)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    sender = Sender([ip_network("127.0.0.0/8")], seconds=2)
    yield sender
    await sender.close()


@pytest.fixture
async def endpoint(db: Database, organization_id: UUID, receiver: Receiver) -> EndpointRef:
    return await make_endpoint(db, organization_id, receiver)


async def make_endpoint(
    db: Database, organization_id: UUID, receiver: Receiver, types: tuple[str, ...] = (), rate_limit: int = 500
) -> EndpointRef:
    definition = EndpointDefinition(url=receiver.url, owner_id=OWNER, types=types, rate_limit=rate_limit)
    async with db.transaction() as session:
        made = await store_endpoints.create_endpoint(session, organization_id, definition, SECRET)
    return EndpointRef(organization_id=organization_id, endpoint_id=made.id)


async def tell(db: Database, organization_id: UUID, *events: EventData) -> None:
    """Events that are sequenced and fanned out."""
    async with db.transaction() as session:
        await emit(session, organization_id, *events)
    await spread(db)


async def spread(db: Database) -> None:
    async with db.transaction() as session:
        await sequence_batch(session)
    async with db.transaction() as session:
        while await fan_out(session, 100):
            pass


async def drain(db: Database, sender: Sender, endpoint: EndpointRef, pace: float = 1.0) -> Drained:
    return await Drain(db, sender, endpoint, Schedule(pace=pace), QUICK).run(lambda: None)


async def states(db: Database, endpoint: EndpointRef) -> dict[int, str]:
    async with db.transaction() as session:
        rows = await session.scalars(
            select(DeliveryRow).where(DeliveryRow.endpoint_id == endpoint.endpoint_id).order_by(DeliveryRow.sequence)
        )
        return {row.sequence: row.state for row in rows}


async def row_of(db: Database, endpoint: EndpointRef) -> EndpointRow:
    async with db.transaction() as session:
        row = await session.get(EndpointRow, endpoint.endpoint_id)
        assert row is not None
        return row


async def make_due(db: Database, endpoint: EndpointRef) -> None:
    """As if the time until the next attempts had passed."""
    async with db.transaction() as session:
        for table in (DeliveryRow, Lane):
            await session.execute(
                update(table).where(table.endpoint_id == endpoint.endpoint_id).values(due_at=func.clock_timestamp())
            )


def paused(number: int) -> CyclePaused:
    return CyclePaused(cycle_id=UUID(int=number))


async def fail(received: Received) -> Reply:
    return Reply(500, {}, b"no")


async def test_every_event_is_delivered_once_signed_and_in_order_and_the_endpoint_then_rests(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    await tell(db, organization_id, *(paused(number % 3) for number in range(30)))
    assert (await row_of(db, endpoint)).drain_state == DrainState.CALLED
    assert await drain(db, sender, endpoint) == Drained()
    assert sorted(receiver.sequences) == list(range(1, 31))
    by_subject: dict[str, list[int]] = defaultdict(list)
    for one in receiver.received:
        one.verify(SECRET)
        assert one.headers["webhook-id"] == one.event.get_id()
        by_subject[one.subject].append(one.sequence)
    assert all(sequences == sorted(sequences) for sequences in by_subject.values())
    assert set((await states(db, endpoint)).values()) == {DeliveryState.DELIVERED}
    assert (await row_of(db, endpoint)).drain_state == DrainState.IDLE


async def test_a_failing_event_holds_back_its_own_subject_alone(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    async def poisoned(received: Received) -> Reply:
        return Reply(500) if received.subject.endswith("0001") else Reply()

    receiver.decide = poisoned
    await tell(db, organization_id, paused(1), paused(2), paused(1), paused(3), paused(2))
    drained = await drain(db, sender, endpoint)
    assert sorted(receiver.sequences) == [2, 4, 5]
    assert [one.sequence for one in receiver.received if one.sequence in (1, 3)] == [1], "3 waits behind 1"
    assert drained.next_due_at is not None
    receiver.decide = Receiver("").decide
    await make_due(db, endpoint)
    assert await drain(db, sender, endpoint) == Drained()
    assert receiver.sequences[-2:] == [1, 3]


async def test_retries_follow_the_schedule_and_then_the_event_is_given_up_and_its_subject_goes_on(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    receiver.decide = fail
    await tell(db, organization_id, paused(1), paused(1))
    for delay in RETRY_DELAYS:
        await drain(db, sender, endpoint)
        async with db.transaction() as session:
            now, due_at = (await session.execute(select(func.clock_timestamp(), Lane.due_at))).one()
        assert delay * 0.8 - timedelta(seconds=5) <= due_at - now <= delay * 1.2
        await make_due(db, endpoint)
    assert await states(db, endpoint) == {1: DeliveryState.WAITING, 2: DeliveryState.WAITING}
    await drain(db, sender, endpoint)
    assert (await states(db, endpoint))[1] == DeliveryState.DEAD
    assert [one.sequence for one in receiver.received] == [1] * 10 + [2]
    async with db.transaction() as session:
        attempts = (await session.scalars(select(AttemptRow).order_by(AttemptRow.id))).all()
    assert [one.number for one in attempts] == [*range(1, 11), 1]
    assert {(one.status, one.answer) for one in attempts} == {(500, "no")}


async def test_retry_after_lengthens_a_pause_within_a_day(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    async def busy(received: Received) -> Reply:
        asked = {"1": "3600", "2": "1", "3": "999999"}[received.subject[-1]]
        return Reply(429, {"retry-after": asked})

    receiver.decide = busy
    await tell(db, organization_id, paused(1), paused(2), paused(3))
    await drain(db, sender, endpoint)
    async with db.transaction() as session:
        rows = await session.execute(select(Lane.due_at, func.clock_timestamp()).order_by(Lane.subject))
        pauses = [round((due_at - now).total_seconds() / 3600, 1) for due_at, now in rows]
    assert pauses == [1.0, 0.0, 24.0], "in hours"


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
    async with db.transaction() as session:
        await store_endpoints.enable_endpoint(session, endpoint, catch_up=True)
    await spread(db)
    await drain(db, sender, endpoint)
    types = {one.sequence: one.event.get_type() for one in receiver.taken}
    assert sorted(types) == [1, 2, 3, 4, 5]
    assert [types[3], types[5]] == ["app.upward.endpoint.disabled.v1", "app.upward.endpoint.enabled.v1"]


async def test_an_endpoint_that_is_enabled_without_catching_up_gets_what_comes(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    await tell(db, organization_id, paused(1))
    async with db.transaction() as session:
        await store_endpoints.disable_endpoint(session, endpoint)
    await tell(db, organization_id, paused(2))
    async with db.transaction() as session:
        await store_endpoints.enable_endpoint(session, endpoint, catch_up=False)
    await tell(db, organization_id, paused(3))
    await drain(db, sender, endpoint)
    assert [one.event.get_type() for one in receiver.taken] == [
        "app.upward.endpoint.enabled.v1",
        "app.upward.cycle.paused.v1",
    ]
    assert (await states(db, endpoint))[1] == DeliveryState.DROPPED


@pytest.mark.parametrize(("days", "disabled"), [(4.9, False), (5.1, True)])
async def test_only_five_days_of_failure_disable_an_endpoint_and_its_owner_hears_before(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender,
    days: float, disabled: bool,
) -> None:  # fmt: skip
    receiver.decide = fail
    await tell(db, organization_id, paused(1))
    await drain(db, sender, endpoint)
    for failing in (timedelta(days=4.1), timedelta(days=days)):
        async with db.transaction() as session:
            since = func.clock_timestamp() - failing
            told = select(EndpointRow.told_disabling_at - timedelta(days=1)).scalar_subquery()
            await session.execute(update(EndpointRow).values(failing_since=since, told_disabling_at=told))
        await make_due(db, endpoint)
        await drain(db, sender, endpoint)
    assert ((await row_of(db, endpoint)).state == EndpointState.DISABLED) == disabled
    async with db.transaction() as session:
        staged = (await session.execute(select(StagedEvent.type, StagedEvent.data).order_by(StagedEvent.id))).all()
    assert [(type, data.get("stage")) for type, data in staged] == [
        ("endpoint.failing", "disabling_soon"),
        *([("endpoint.disabled", None)] if disabled else []),
    ]


async def test_the_owner_hears_at_the_fourth_failure_of_an_event_once(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    receiver.decide = fail
    await tell(db, organization_id, paused(1), paused(2))
    for _ in range(5):
        await drain(db, sender, endpoint)
        await make_due(db, endpoint)
    async with db.transaction() as session:
        staged = (await session.execute(select(StagedEvent.data))).scalars().all()
    assert [(data["stage"], data["owner_id"]) for data in staged] == [("failing", str(OWNER))]


async def test_types_choose_and_a_test_reaches_its_own_endpoint_alone(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    async with receiving() as other:
        pairs = await make_endpoint(db, organization_id, other, types=("pair.completed",))
        await tell(db, organization_id, paused(1), PairCompleted(pair_id=uuid4(), cycle_id=uuid4()))
        async with db.transaction() as session:
            await store_endpoints.test_endpoint(session, pairs)
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
            await store_endpoints.replay(session, endpoint, wanted)
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
        await store_endpoints.replay(session, endpoint, ReplayRequest(from_sequence=1))
    await drain(db, sender, endpoint)
    assert receiver.sequences[:1] == [3]
    assert (await states(db, endpoint))[3] == DeliveryState.DELIVERED


async def test_while_a_secret_is_rotated_both_verify_and_afterwards_the_new_one_alone(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    new = new_secret()
    async with db.transaction() as session:
        await store_endpoints.rotate_secret(session, endpoint, new, timedelta(hours=24))
    await tell(db, organization_id, paused(1))
    await drain(db, sender, endpoint)
    receiver.received[-1].verify(SECRET)
    receiver.received[-1].verify(new)
    async with db.transaction() as session:
        await session.execute(
            update(EndpointSecret).where(EndpointSecret.secret == SECRET).values(expires_at=func.clock_timestamp())
        )
    await tell(db, organization_id, paused(2))
    await drain(db, sender, endpoint)
    receiver.received[-1].verify(new)
    assert len(receiver.received[-1].headers["webhook-signature"].split()) == 1


async def test_a_hanging_subject_holds_back_no_other(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    async def hanging(received: Received) -> Reply:
        if received.subject.endswith("0001"):
            await asyncio.sleep(30)
        return Reply()

    receiver.decide = hanging
    await tell(db, organization_id, *(paused(number % 10) for number in range(40)))
    await drain(db, sender, endpoint)
    assert len(receiver.taken) == 36
    async with db.transaction() as session:
        assert (await session.scalars(select(AttemptRow.failure).where(AttemptRow.status.is_(None)))).all() == [
            "timed_out"
        ]


async def test_a_call_is_noted_only_if_no_later_one_came(
    db: Database, organization_id: UUID, endpoint: EndpointRef
) -> None:
    await tell(db, organization_id, paused(1))
    async with db.transaction() as session:
        [called] = [one for one in await read_called(session, 100) if one.endpoint == endpoint]
    assert called.calls == 1
