"""The story of a cycle, and each boundary case that was decided."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from shared.contracts.matching import PairState
from shared.contracts.notifications import Audience, Template
from shared.contracts.programs import Outcome, Stage
from shared.contracts.rounds import CloseReason, RoundKind
from tests.fakes import DAY
from tests.patience import PATIENCE_SECONDS
from tests.workflows.conftest import World
from tests.workflows.simulated import SimulatedCycle

RUNNING = [Stage.INTAKE, Stage.MATCHING, Stage.REVIEW, Stage.KICKOFF, Stage.ACTIVE, Stage.CLOSING]


async def test_a_cycle_goes_through_every_stage_in_order(world: World) -> None:
    state = await (await world.start()).result()
    assert world.ledger.stages == [*RUNNING, Stage.COMPLETED]
    assert state.outcome is Outcome.COMPLETED
    kinds = [opened.kind for opened in world.ledger.opened]
    assert kinds == [
        RoundKind.ENROLMENT,
        RoundKind.ACCEPTANCE,
        *[RoundKind.CHECK_IN] * world.ledger.calendar.check_ins,
        RoundKind.SURVEY,
    ]
    assert world.ledger.concluded == [PairState.COMPLETED]


async def test_silence_until_the_deadline_closes_each_round_there(world: World) -> None:
    await (await world.start()).result()
    assert {closed.reason for closed in world.ledger.closed} == {CloseReason.DEADLINE}
    reminders = [found.occurrence for found in world.ledger.announced if found.template is Template.ENROLMENT_REMINDER]
    assert reminders == [1, 2]


@pytest.mark.parametrize("first", [None, DAY])
def test_the_first_check_in_may_come_sooner_than_the_others_follow(first: timedelta | None) -> None:
    cycle = SimulatedCycle()
    calendar = cycle.ledger.calendar = cycle.ledger.calendar.model_copy(update={"first_check_in": first})
    cycle.rest()
    _, acceptance, one, two, _ = (found.closes_at for found in cycle.ledger.opened)
    assert one - calendar.check_in.length - acceptance == (first or calendar.check_in_every)
    assert two - one == calendar.check_in_every


async def test_when_everybody_answers_early_the_round_closes_at_once(world: World) -> None:
    world.ledger.at_open[RoundKind.ENROLMENT, 1] = world.everyone_answers
    began = await world.env.get_current_time()
    at_matching: list[float] = []

    async def note_time() -> None:
        at_matching.append((await world.env.get_current_time() - began).total_seconds())

    world.ledger.at_stage[Stage.MATCHING] = note_time
    await (await world.start()).result()
    assert world.ledger.closed[0].reason is CloseReason.ANSWERED
    assert Template.ENROLMENT_REMINDER not in world.ledger.templates()
    assert at_matching[0] < DAY.total_seconds()


async def test_when_nobody_enrols_the_cycle_ends_with_a_report_and_tells_the_coordinators(world: World) -> None:
    world.ledger.enrolled, world.ledger.proposals = 0, [0]
    state = await (await world.start()).result()
    assert state.outcome is Outcome.NOBODY_ENROLLED
    assert world.ledger.stages == [Stage.INTAKE, Stage.MATCHING, Stage.CLOSING, Stage.COMPLETED]
    assert [report.outcome for report in world.ledger.reports] == [Outcome.NOBODY_ENROLLED]
    told = [(one.audience, one.template) for one in world.ledger.announced]
    assert (Audience.COORDINATORS, Template.NOBODY_ENROLLED) in told


async def test_when_nobody_can_be_matched_the_enrolled_are_told_and_the_cycle_ends(world: World) -> None:
    world.ledger.proposals = [0]
    state = await (await world.start()).result()
    assert state.outcome is Outcome.NOBODY_MATCHED
    assert {Template.UNMATCHED, Template.NOBODY_MATCHED} <= set(world.ledger.templates())
    assert Stage.REVIEW not in world.ledger.stages


async def test_when_nobody_accepts_the_cycle_ends_without_a_survey(world: World) -> None:
    world.ledger.active = 0
    state = await (await world.start()).result()
    assert state.outcome is Outcome.NOBODY_ACCEPTED
    assert RoundKind.SURVEY not in [opened.kind for opened in world.ledger.opened]
    assert Template.KICKOFF not in world.ledger.templates()


async def test_an_admin_who_never_approves_is_reminded_then_the_sponsor_is_told_then_it_waits_on(
    world: World,
) -> None:
    del world.ledger.at_stage[Stage.REVIEW]
    in_review = world.stage(Stage.REVIEW)
    handle = await world.start()
    await world.sleep(world.ledger.calendar.enrolment.length + DAY)
    await asyncio.wait_for(in_review.wait(), PATIENCE_SECONDS)
    await world.sleep(30 * DAY)
    said = [(found.template, found.audience) for found in world.ledger.announced if "approval" in found.template]
    assert said == [
        (Template.APPROVAL_NEEDED, Audience.COORDINATORS),
        (Template.APPROVAL_REMINDER, Audience.COORDINATORS),
        (Template.APPROVAL_REMINDER, Audience.COORDINATORS),
        (Template.APPROVAL_ESCALATED, Audience.SPONSOR),
    ]
    assert world.ledger.stages[-1] is Stage.REVIEW
    await world.approve()
    assert (await handle.result()).outcome is Outcome.COMPLETED


async def test_declines_are_matched_again_within_the_rounds_remaining_time(world: World) -> None:
    world.ledger.proposals = [2, 1]
    world.ledger.at_open[RoundKind.ACCEPTANCE, 1] = world.decline
    world.ledger.at_proposal[2] = world.approve
    await (await world.start()).result()
    first, second = [opened for opened in world.ledger.opened if opened.kind is RoundKind.ACCEPTANCE]
    assert [request.attempt for request in world.ledger.proposed] == [1, 2]
    assert second.number == 2
    assert abs((second.closes_at - first.closes_at).total_seconds()) < 60


@pytest.mark.parametrize(("attempt", "waits"), [(2, False), (1, True)])
async def test_a_steered_run_is_approved_for_its_attempt_and_nobody_waits_for_the_one_it_replaced(
    world: World, attempt: int, waits: bool
) -> None:
    """Steering gives the run that is approved another id. An approval of an earlier attempt is not this one's."""
    world.ledger.proposals = [2, 1]
    kickoff: list[float] = []

    async def approve_a_revision() -> None:
        await world.approve(uuid4(), attempt=attempt)

    async def everyone_answers() -> None:
        for opened in world.ledger.opened[-2:]:
            await world.answer(opened.round_id)

    async def note_time() -> None:
        kickoff.append((await world.env.get_current_time()).timestamp())

    world.ledger.at_stage[Stage.KICKOFF] = note_time
    world.ledger.at_stage[Stage.ACTIVE] = note_time
    world.ledger.at_open[RoundKind.ACCEPTANCE, 1] = world.decline
    world.ledger.at_proposal[2] = approve_a_revision
    world.ledger.at_open[RoundKind.ACCEPTANCE, 2] = everyone_answers
    await (await world.start()).result()
    assert [opened.number for opened in world.ledger.opened if opened.kind is RoundKind.ACCEPTANCE] == [1, 2]
    began, ended = kickoff
    assert (ended - began > DAY.total_seconds()) == waits


async def test_replacements_that_nobody_approves_are_never_offered(world: World) -> None:
    world.ledger.proposals = [2, 1]
    world.ledger.at_open[RoundKind.ACCEPTANCE, 1] = world.decline
    await (await world.start()).result()
    assert [opened.number for opened in world.ledger.opened if opened.kind is RoundKind.ACCEPTANCE] == [1]


@pytest.mark.parametrize("stage", RUNNING)
async def test_a_cycle_paused_in_any_stage_stands_still_until_it_is_resumed(world: World, stage: Stage) -> None:
    before = world.ledger.at_stage.get(stage)

    async def script() -> None:
        if before is not None:
            await before()
        await world.quiet(at_least=0)  # nothing is announced before enrolment opens
        await world.pause()

    world.ledger.at_stage[stage] = script
    reached = world.stage(stage)
    handle = await world.start()
    for _ in range(400):
        if reached.is_set():
            break
        await world.sleep(DAY)
    said = len(world.ledger.announced)
    await world.sleep(100 * DAY)
    assert world.ledger.stages[-1] is stage
    assert len(world.ledger.announced) == said
    await world.resume()
    assert (await handle.result()).outcome is Outcome.COMPLETED


async def test_a_pause_before_the_start_delays_the_start(world: World) -> None:
    handle = await world.start()
    await world.pause()
    await world.sleep(30 * DAY)
    paused_stages = list(world.ledger.stages)
    await world.resume()
    assert (await handle.result()).outcome is Outcome.COMPLETED
    assert paused_stages in ([], [Stage.INTAKE])


async def test_a_pause_in_a_round_moves_its_deadline_by_the_length_of_the_pause(world: World) -> None:
    opened = asyncio.Event()

    async def script() -> None:
        opened.set()

    world.ledger.at_open[RoundKind.ENROLMENT, 1] = script
    handle = await world.start()
    await asyncio.wait_for(opened.wait(), PATIENCE_SECONDS)
    await world.sleep(DAY)
    await world.pause()
    await world.sleep(10 * DAY)
    await world.resume()
    await handle.result()
    shift = world.ledger.extended[0].closes_at - world.ledger.opened[0].closes_at
    assert abs((shift - 10 * DAY).total_seconds()) < 3600
    assert world.ledger.closed[0].reason is CloseReason.DEADLINE


@pytest.mark.parametrize("stage", RUNNING[:-1])
async def test_a_cycle_cancelled_in_any_stage_ends_its_pairs_and_tells_people_once(world: World, stage: Stage) -> None:
    world.ledger.at_stage[stage] = world.cancel
    state = await (await world.start()).result()
    assert state.outcome is Outcome.CANCELLED
    assert world.ledger.stages[-1] is Stage.CANCELLED
    assert world.ledger.concluded[-1] is PairState.ENDED
    told = [found for found in world.ledger.announced if found.template is Template.CYCLE_CANCELLED]
    assert len(told) <= 1  # the announcement is left to itself and may still be on its way
    opened = {found.round_id for found in world.ledger.opened}
    assert opened == {found.round_id for found in world.ledger.closed}


async def test_a_cancelled_round_closes_at_once_and_its_unsent_messages_are_dropped(world: World) -> None:
    world.ledger.at_open[RoundKind.ENROLMENT, 1] = world.cancel
    began = await world.env.get_current_time()
    state = await (await world.start()).result()
    assert state.outcome is Outcome.CANCELLED
    assert world.ledger.closed[0].reason is CloseReason.CANCELLED
    assert await world.env.get_current_time() - began < DAY


async def test_a_paused_cycle_can_be_cancelled(world: World) -> None:
    async def script() -> None:
        await world.pause()
        await world.cancel()

    world.ledger.at_open[RoundKind.ENROLMENT, 1] = script
    assert (await (await world.start()).result()).outcome is Outcome.CANCELLED


async def test_advancing_twice_closes_one_round_only(world: World) -> None:
    running = await world.start()
    await world.quiet()
    for _ in range(2):
        await world.advance(Stage.INTAKE, world.ledger.opened[0].round_id)
    await running.result()
    reasons = [closed.reason for closed in world.ledger.closed]
    assert reasons[0] is CloseReason.ADVANCED
    assert CloseReason.ADVANCED not in reasons[1:]


async def test_an_advance_that_comes_late_leaves_the_next_round_alone(world: World) -> None:
    world.ledger.at_open[RoundKind.CHECK_IN, 1] = world.everyone_answers

    async def late() -> None:
        first = next(found for found in world.ledger.opened if found.kind is RoundKind.CHECK_IN)
        await world.advance(Stage.ACTIVE, first.round_id)

    world.ledger.at_open[RoundKind.CHECK_IN, 2] = late
    await (await world.start()).result()
    assert CloseReason.ADVANCED not in {closed.reason for closed in world.ledger.closed}


async def test_the_same_event_dispatched_twice_is_heard_once(world: World) -> None:
    async def pause_resume_and_repeat() -> None:
        paused = await world.signal("pause")
        resumed = await world.signal("resume")
        await world.signal("pause", paused)
        await world.signal("resume", resumed)
        await world.signal("pause", paused)

    world.ledger.at_open[RoundKind.ENROLMENT, 1] = pause_resume_and_repeat
    assert (await (await world.start()).result()).outcome is Outcome.COMPLETED


async def test_a_cycle_with_no_pairs_left_goes_to_its_closing(world: World) -> None:
    world.ledger.recipients[RoundKind.CHECK_IN] = 0
    await (await world.start()).result()
    assert [opened.number for opened in world.ledger.opened if opened.kind is RoundKind.CHECK_IN] == [1]


async def test_a_concern_climbs_from_the_coordinators_to_the_sponsor_until_it_is_resolved(world: World) -> None:
    raised = []

    async def raise_one() -> None:
        raised.append(await world.raise_concern())

    world.ledger.at_open[RoundKind.CHECK_IN, 1] = raise_one
    handle = await world.start()
    await handle.result()
    concern = world.client.get_workflow_handle(f"concern-{raised[0]}")
    await concern.signal("resolve")
    await world.patiently(concern.result())
    rungs = [found.rung.value for found in world.ledger.escalated]
    assert rungs == ["coordinator", "coordinator", "coordinator", "sponsor"]  # raised, two reminders, escalated
    assert {Template.CONCERN_RAISED, Template.CONCERN_ESCALATED} <= set(world.ledger.templates())


async def test_an_approval_that_comes_with_another_decline_is_still_offered(world: World) -> None:
    world.ledger.proposals = [2, 1, 1]
    world.ledger.at_open[RoundKind.ACCEPTANCE, 1] = world.decline

    async def approve_while_another_declines() -> None:
        await world.decline()
        await world.approve()

    world.ledger.at_proposal[2] = approve_while_another_declines
    await (await world.start()).result()
    assert [opened.number for opened in world.ledger.opened if opened.kind is RoundKind.ACCEPTANCE] == [1, 2]
    assert [request.attempt for request in world.ledger.proposed] == [1, 2, 3]


async def test_an_approval_that_comes_while_the_next_replacements_are_computed_is_still_offered(world: World) -> None:
    world.ledger.proposals = [2, 1, 0]
    world.ledger.at_open[RoundKind.ACCEPTANCE, 1] = world.decline
    world.ledger.at_proposal[2] = world.decline

    async def approve_the_one_before() -> None:
        await world.approve(world.ledger.run_ids[1])

    world.ledger.at_proposal[3] = approve_the_one_before
    await (await world.start()).result()
    assert [request.attempt for request in world.ledger.proposed] == [1, 2, 3]
    assert [opened.number for opened in world.ledger.opened if opened.kind is RoundKind.ACCEPTANCE] == [1, 2]


async def test_a_decline_in_a_pause_is_matched_again_after_it(world: World) -> None:
    world.ledger.proposals = [2, 1]

    async def decline_in_a_pause() -> None:
        await world.quiet()
        await world.pause()
        await world.decline()

    world.ledger.at_open[RoundKind.ACCEPTANCE, 1] = decline_in_a_pause
    world.ledger.at_proposal[2] = world.approve
    reached = world.stage(Stage.KICKOFF)
    handle = await world.start()
    for _ in range(400):
        if reached.is_set():
            break
        await world.sleep(DAY)
    await world.sleep(30 * DAY)
    assert [request.attempt for request in world.ledger.proposed] == [1]
    await world.resume()
    await handle.result()
    first, second = [opened for opened in world.ledger.opened if opened.kind is RoundKind.ACCEPTANCE]
    assert second.closes_at - first.closes_at > 29 * DAY


async def test_a_cycle_that_is_cancelled_between_two_stages_does_nothing_of_the_second(world: World) -> None:
    """Nobody was invited, so a round that were opened and closed would only make people of the whole directory hear
    of the end of something that they never heard of."""
    world.ledger.at_stage[Stage.INTAKE] = world.cancel
    state = await (await world.start()).result()
    assert state.outcome is Outcome.CANCELLED
    assert world.ledger.opened == []


async def test_a_cycle_that_is_cancelled_in_a_pause_before_the_matching_tells_nobody_that_they_are_unmatched(
    world: World,
) -> None:
    world.ledger.proposals = [0]

    async def pause_and_cancel() -> None:
        await world.pause()
        await world.cancel()

    world.ledger.at_stage[Stage.MATCHING] = pause_and_cancel
    await (await world.start()).result()
    assert world.ledger.proposed == []
    assert Template.UNMATCHED not in world.ledger.templates()
