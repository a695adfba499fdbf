"""Draining an endpoint: real Postgres, real HTTP, and the schedule of retries."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.events.webhooks.models import AttemptRow, EndpointRow, EndpointSecret, SubjectQueue
from services.events.webhooks.rules.delivery import RETRY_DELAYS, DeliveryState, DrainState, Outcome
from services.events.webhooks.rules.signing import new_secret
from services.events.webhooks.sender import Sender
from services.events.webhooks.store import deliveries, endpoints
from shared.contracts.endpoints import Drained, EndpointRef, EndpointState
from shared.database import Database
from shared.events import StagedEvent
from tests.services.deliveries.stand import (
    OWNER,
    SECRET,
    drain,
    fail,
    make_due,
    make_endpoint,
    paused,
    row_of,
    states,
    tell,
)
from tests.webhook_receiver import Received, Receiver, Reply


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
            now, due_at = (await session.execute(select(func.clock_timestamp(), SubjectQueue.due_at))).one()
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
        rows = await session.execute(select(SubjectQueue.due_at, func.clock_timestamp()).order_by(SubjectQueue.subject))
        pauses = [round((due_at - now).total_seconds() / 3600, 1) for due_at, now in rows]
    assert pauses == [1.0, 0.0, 24.0], "in hours"


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


async def test_while_a_secret_is_rotated_both_verify_and_afterwards_the_new_one_alone(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    new = new_secret()
    async with db.transaction() as session:
        await endpoints.rotate_secret(session, endpoint, new, timedelta(hours=24))
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


async def test_what_the_rate_allows_soon_is_recorded_together(
    db: Database, organization_id: UUID, receiver: Receiver, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the queue of a slow endpoint costs one transaction for a dozen deliveries, and not one for each."""
    slow = await make_endpoint(db, organization_id, receiver, rate_limit=50)
    recorded: list[int] = []
    record = deliveries.record_attempts

    async def counted(session: AsyncSession, endpoint: EndpointRef, outcomes: Sequence[Outcome]) -> None:
        recorded.append(len(outcomes))
        await record(session, endpoint, outcomes)

    monkeypatch.setattr(deliveries, "record_attempts", counted)
    await tell(db, organization_id, *(paused(number) for number in range(40)))
    await drain(db, sender, slow)
    assert sorted(receiver.sequences) == list(range(1, 41))
    assert sum(recorded) == 40
    assert len(recorded) <= 20


async def test_the_rate_is_kept_however_many_are_taken_up_at_once(
    db: Database, organization_id: UUID, receiver: Receiver, sender: Sender
) -> None:
    slow = await make_endpoint(db, organization_id, receiver, rate_limit=50)
    await tell(db, organization_id, *(paused(number) for number in range(30)))
    await drain(db, sender, slow)
    async with db.transaction() as session:
        mine = AttemptRow.endpoint_id == slow.endpoint_id
        begun = list(await session.scalars(select(AttemptRow.started_at).where(mine).order_by(AttemptRow.started_at)))
    assert len(begun) == 30
    assert begun[-1] - begun[0] >= timedelta(seconds=29 / 50 - 0.01), "the last begins no sooner than its turn"
