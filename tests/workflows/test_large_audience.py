"""A large audience is prepared in the background, while the first of its messages go out."""

import asyncio
from datetime import UTC

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle

from shared.contracts.notifications import Announcement, Audience, Delivery, Template
from shared.temporal import activity_methods
from tests.fakes import DAY, START, FakeNotifications, Ledger
from tests.workflows.conftest import World
from tests.workflows.simulator import Simulation
from workflows.announcement import AnnouncementWorkflow


def to_many(ledger: Ledger) -> Announcement:
    return Announcement(
        organization_id=ledger.organization_id,
        cycle_id=ledger.cycle_id,
        scope_id=ledger.cycle_id,
        template=Template.KICKOFF,
        audience=Audience.PARTICIPANTS,
    )


async def until_it_sleeps(handle: WorkflowHandle[AnnouncementWorkflow, None]) -> None:
    while True:
        async for event in handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
                return
        await asyncio.sleep(0.01)


async def run(world: World, announcement: Announcement) -> None:
    await world.execute(AnnouncementWorkflow.run, announcement, f"announcement-{announcement.id}")


async def test_the_first_messages_go_out_while_the_others_are_prepared(world: World) -> None:
    ledger, announcement = world.ledger, to_many(world.ledger)
    before: list[int] = []

    async def prepare_when_the_first_have_gone_out() -> None:
        while not ledger.delivered:
            await asyncio.sleep(0.01)
        before.append(len(ledger.delivered))

    ledger.at_rest = prepare_when_the_first_have_gone_out
    await run(world, announcement)
    assert before
    assert len(ledger.delivered) > before[0], "what was prepared last is delivered too"


async def test_what_is_prepared_meanwhile_does_not_wait_for_what_is_due_later(world: World) -> None:
    """The first page may be of people who sleep, and the next one of people who work."""
    ledger, announcement, begun = world.ledger, to_many(world.ledger), await world.env.get_current_time()
    ledger.deliveries = [Delivery(sent=0, failed=0, waiting=4, next_due_at=begun + 2 * DAY)]
    handle = world.client.get_workflow_handle_for(AnnouncementWorkflow.run, f"announcement-{announcement.id}")

    async def prepare_once_it_sleeps() -> None:
        await until_it_sleeps(handle)

    ledger.at_rest = prepare_once_it_sleeps
    await run(world, announcement)
    assert ledger.delivered == [announcement.id]
    scheduled = [
        event.event_time.ToDatetime(UTC)
        async for event in handle.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    assert scheduled[-1] < begun + DAY


async def test_an_announcement_that_is_stopped_while_it_is_prepared_drops_its_messages_at_once(world: World) -> None:
    ledger, announcement, begun = world.ledger, to_many(world.ledger), await world.env.get_current_time()
    ledger.deliveries = [Delivery(sent=0, failed=0, waiting=4, next_due_at=begun + 2 * DAY)]
    handle = world.client.get_workflow_handle_for(AnnouncementWorkflow.run, f"announcement-{announcement.id}")
    dropped = asyncio.Event()

    async def go_on_until_they_are_dropped() -> None:
        await until_it_sleeps(handle)
        await handle.signal("stop")
        while not ledger.dropped:
            await asyncio.sleep(0.01)
        dropped.set()

    ledger.at_rest = go_on_until_they_are_dropped
    await run(world, announcement)
    assert (ledger.dropped, ledger.delivered) == ([announcement.id], [])
    await dropped.wait()


@pytest.mark.parametrize(("unpatched", "deliveries"), [(True, 1), (False, 2)])
def test_a_run_that_began_before_prepares_everything_first(unpatched: bool, deliveries: int) -> None:
    """So one delivery is enough for it. Later runs deliver what is prepared, and then what was prepared meanwhile."""
    ledger = Ledger()
    announcement, prepared = to_many(ledger), list[int]()

    async def prepare() -> None:
        prepared.append(len(ledger.delivered))

    ledger.at_rest = prepare
    activities = activity_methods(FakeNotifications(ledger))
    simulation = Simulation([AnnouncementWorkflow], activities, start=START, unpatched=unpatched)
    simulation.start("AnnouncementWorkflow", announcement, f"announcement-{announcement.id}")
    simulation.run(longest=DAY)
    assert simulation.running == {}
    assert (prepared, len(ledger.delivered)) == ([0], deliveries)
