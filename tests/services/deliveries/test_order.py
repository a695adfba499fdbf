"""What a drain sends first, what it drops, and when it ends: past events go before new ones, and none is forgotten."""

from uuid import UUID

from sqlalchemy import delete, update

from services.events.log.models import Event
from services.events.webhooks import switching
from services.events.webhooks.drain import Drain
from services.events.webhooks.models import DeliveryRow, EndpointRow
from services.events.webhooks.rules.delivery import DeliveryState, DrainState
from services.events.webhooks.rules.endpoints import ReplayRequest
from services.events.webhooks.sender import Sender
from services.events.webhooks.store import endpoints
from services.events.webhooks.store.backfill import fill_page
from services.events.webhooks.store.deliveries import read_due
from services.events.webhooks.store.fan_out import call_overdue
from shared.contracts.endpoints import Drained, EndpointRef
from shared.database import Database
from tests.services.deliveries.stand import drain, paused, row_of, states, switch_off, tell
from tests.webhook_receiver import Received, Receiver, Reply


async def test_a_replay_that_is_asked_for_during_a_drain_is_sent_by_it(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    async def replay_first(received: Received) -> Reply:
        if received.sequence == 2 and len(receiver.received) == 2:
            async with db.transaction() as session:
                await endpoints.replay(session, endpoint, ReplayRequest(what="all", sequence=1))
        return Reply()

    receiver.decide = replay_first
    await tell(db, organization_id, paused(1))
    await drain(db, sender, endpoint)
    await tell(db, organization_id, paused(2))
    assert await drain(db, sender, endpoint) == Drained()
    assert receiver.sequences == [1, 2, 1]
    assert (await row_of(db, endpoint)).drain_state == DrainState.IDLE


async def test_nothing_is_due_while_events_of_the_past_are_to_come_first(
    db: Database, organization_id: UUID, endpoint: EndpointRef
) -> None:
    await tell(db, organization_id, paused(1))
    await switch_off(db, endpoint)
    await tell(db, organization_id, paused(2))
    await switching.enable_endpoint(db, endpoint, catch_up=True)
    await tell(db, organization_id, paused(2))
    async with db.transaction() as session:
        assert await read_due(session, endpoint, 100, ()) == []
        while await fill_page(session, endpoint):
            pass
        heads = [due.event.sequence for due in await read_due(session, endpoint, 100, ())]
    assert sorted(heads) == [1, 2, 3], "of their subject, 3 is sent before 5"


async def test_what_retention_took_is_dropped_and_the_rest_of_its_queue_goes_on(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    await tell(db, organization_id, paused(1), paused(1), paused(2), paused(1))
    async with db.transaction() as session:
        await session.execute(delete(Event).where(Event.sequence <= 2))
        of_yesterday = update(DeliveryRow).where(DeliveryRow.sequence <= 2).values(day=DeliveryRow.day - 1)
        await session.execute(of_yesterday)
    assert await drain(db, sender, endpoint) == Drained()
    assert sorted(receiver.sequences) == [3, 4]
    dropped = [sequence for sequence, state in (await states(db, endpoint)).items() if state == DeliveryState.DROPPED]
    assert dropped == [1, 2]


async def test_a_worker_that_is_told_to_stop_finishes_what_is_under_way_and_leaves_the_rest_to_the_next(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    await tell(db, organization_id, paused(1), paused(2), paused(1))
    drained = await Drain(db, sender, endpoint).run(lambda: None, lambda: bool(receiver.received))
    assert sorted(receiver.sequences) == [1, 2]
    assert drained.next_due_at is not None
    assert await drain(db, sender, endpoint) == Drained()
    assert sorted(receiver.sequences) == [1, 2, 3]


async def test_an_endpoint_whose_workflow_was_ended_before_it_filled_in_the_past_is_called_again(
    db: Database, organization_id: UUID, endpoint: EndpointRef, receiver: Receiver, sender: Sender
) -> None:
    await tell(db, organization_id, paused(1))
    await drain(db, sender, endpoint)
    async with db.transaction() as session:
        assert await call_overdue(session, 10) == 0
        await endpoints.replay(session, endpoint, ReplayRequest(what="all", sequence=1))
        await session.execute(update(EndpointRow).values(drain_state=DrainState.DRAINING))  # told, and then ended
        assert await call_overdue(session, 10) == 1
    assert (await row_of(db, endpoint)).drain_state == DrainState.CALLED
