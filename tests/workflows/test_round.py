"""Rounds, announcements and recurrence by themselves."""

from datetime import timedelta
from uuid import uuid4

from shared.contracts.notifications import Announcement, Audience, Delivery, Template
from shared.contracts.programs import ProgramRef, RoundPlan
from shared.contracts.rounds import CloseReason, RoundKind
from shared.temporal import WORKFLOWS_QUEUE
from tests.fakes import DAY
from tests.workflows.conftest import World
from workflows.announcement import AnnouncementWorkflow
from workflows.round import RoundWorkflow
from workflows.scheduled.recurrence import RecurrenceWorkflow, ScheduleWorkflow
from workflows.states.round_state import Reminding, RoundRequest


def asking(world: World, **changes: object) -> RoundRequest:
    given = {
        "organization_id": world.ledger.organization_id,
        "cycle_id": world.ledger.cycle_id,
        "kind": RoundKind.CHECK_IN,
        "number": 1,
        "plan": RoundPlan(length=10 * DAY, reminders=(2 * DAY, 5 * DAY)),
    }
    return RoundRequest.model_validate(given | changes)


async def run_round(world: World, asked: RoundRequest) -> None:
    await world.execute(RoundWorkflow.run, asked, f"round-{uuid4()}")


async def test_a_round_that_asks_nobody_closes_at_once_and_says_nothing(world: World) -> None:
    world.ledger.recipients[RoundKind.CHECK_IN] = 0
    await run_round(world, asking(world))
    assert world.ledger.closed[0].reason is CloseReason.ANSWERED
    assert world.ledger.announced == []


async def test_a_reminder_after_an_imposed_deadline_is_not_sent(world: World) -> None:
    closes_at = await world.env.get_current_time() + 3 * DAY
    await run_round(world, asking(world, closes_at=closes_at))
    assert [found.occurrence for found in world.ledger.announced] == [1, 1]
    assert world.ledger.templates() == [Template.CHECK_IN_INVITATION, Template.CHECK_IN_REMINDER]
    assert world.ledger.opened[0].closes_at == closes_at


async def test_a_reminder_that_an_admin_asks_for_comes_once_a_day_and_instead_of_the_round_s_own(world: World) -> None:
    handle = await world.client.start_workflow(
        RoundWorkflow.run, asking(world), id=f"round-{uuid4()}", task_queue=WORKFLOWS_QUEUE
    )
    await world.quiet()
    for wish, hours in ((71, 12), (72, 24), (73, 5)):
        await world.sleep(timedelta(hours=hours))
        await handle.signal("remind", Reminding(occurrence=wish))
        await world.heard(handle.id)
        await world.quiet()
    await world.patiently(handle.result())
    # 71 came half a day after the invitation, 73 five hours after 72, and so would the round's own first reminder have.
    told = [(found.template, found.occurrence) for found in world.ledger.announced]
    reminder = Template.CHECK_IN_REMINDER
    assert told == [(Template.CHECK_IN_INVITATION, 1), (reminder, 72), (reminder, 2)]


async def test_an_announcement_sleeps_until_its_next_message_is_due(world: World) -> None:
    due_at = await world.env.get_current_time() + timedelta(hours=14)
    world.ledger.deliveries = [Delivery(sent=1, failed=0, waiting=3, next_due_at=due_at)]
    announcement = Announcement(
        organization_id=world.ledger.organization_id,
        cycle_id=world.ledger.cycle_id,
        scope_id=world.ledger.cycle_id,
        template=Template.KICKOFF,
        audience=Audience.PARTICIPANTS,
    )
    await world.execute(AnnouncementWorkflow.run, announcement, f"announcement-{announcement.id}")
    assert world.ledger.delivered == [announcement.id]
    assert await world.env.get_current_time() >= due_at


async def test_a_notice_that_belongs_to_no_cycle_is_prepared_and_delivered_as_any_other(world: World) -> None:
    notice = Announcement(
        organization_id=world.ledger.organization_id,
        scope_id=uuid4(),
        template=Template.ENDPOINT_FAILING,
        audience=Audience.PERSON,
        occurrence=41,
        person_id=uuid4(),
    )
    await world.execute(AnnouncementWorkflow.run, notice, f"announcement-{notice.id}")
    assert (world.ledger.announced, world.ledger.delivered) == ([notice], [notice.id])


async def test_messages_that_are_sent_again_are_not_prepared_again(world: World) -> None:
    """Nobody gets a message whom the announcement was not for at its time."""
    announcement = Announcement(
        organization_id=world.ledger.organization_id,
        cycle_id=world.ledger.cycle_id,
        scope_id=world.ledger.cycle_id,
        template=Template.KICKOFF,
        audience=Audience.PARTICIPANTS,
        again=True,
    )
    await world.execute(AnnouncementWorkflow.run, announcement, f"announcement-{announcement.id}-again")
    assert (world.ledger.announced, world.ledger.delivered) == ([], [announcement.id])


async def test_a_recurrence_asks_for_the_cycle_of_the_period_it_fires_in(world: World) -> None:
    program = ProgramRef(organization_id=world.ledger.organization_id, program_id=uuid4())
    await world.execute(RecurrenceWorkflow.run, program, f"recurrence-{program.program_id}")
    await world.execute(ScheduleWorkflow.run, program, f"schedule-{program.program_id}-1")
    assert [found.program_id for found in world.ledger.periods] == [program.program_id]
    assert world.ledger.schedules == [program]


async def test_a_pause_that_ends_before_the_round_is_open_moves_its_deadline_once_it_is(world: World) -> None:
    asked = asking(world)
    round_ = world.client.get_workflow_handle(f"round-{uuid4()}")

    async def pause_while_the_database_is_away() -> None:
        for signal in ("pause", "resume"):
            await round_.signal(signal)
            await world.heard(round_.id)
        world.ledger.opened.clear()
        raise RuntimeError("the database is away")

    world.ledger.at_open[RoundKind.CHECK_IN, 1] = pause_while_the_database_is_away
    await world.execute(RoundWorkflow.run, asked, round_.id)
    [opened], [extended] = world.ledger.opened, world.ledger.extended
    assert extended.closes_at > opened.closes_at
