"""What a workflow starts by an id may run already, as after a reset of the workflow. It is followed, and nothing
fails."""

import pytest

from shared.contracts.notifications import Announcement, Audience, Template
from shared.contracts.programs import LadderPlan, Outcome
from shared.contracts.rounds import CloseReason, RoundKind, round_id_for
from tests.fakes import DAY
from tests.workflows.simulated import SimulatedCycle
from tests.workflows.simulator import Moment
from tests.workflows.test_signals import ALL_ROUNDS, ALL_STAGES
from workflows.ids import announcement_workflow_id
from workflows.states.concern_state import Concern
from workflows.states.cycle_state import ConcernHeard
from workflows.states.round_state import RoundRequest


def begin_round(cycle: SimulatedCycle, kind: RoundKind, number: int) -> str:
    """A round that an earlier run of the cycle started."""
    calendar = cycle.ledger.calendar
    plan = {
        RoundKind.ENROLMENT: calendar.enrolment,
        RoundKind.ACCEPTANCE: calendar.acceptance,
        RoundKind.CHECK_IN: calendar.check_in,
        RoundKind.SURVEY: calendar.survey,
    }[kind]
    request = RoundRequest(
        organization_id=cycle.ledger.organization_id,
        cycle_id=cycle.ledger.cycle_id,
        kind=kind,
        number=number,
        plan=plan,
    )
    workflow_id = f"round-{round_id_for(cycle.ledger.cycle_id, kind, number)}"
    cycle.simulation.start("RoundWorkflow", request, workflow_id)
    return workflow_id


def begin_before_the_cycle_does(cycle: SimulatedCycle, kind: RoundKind, number: int) -> None:
    """Starts the round a moment before the cycle asks for it, and lets everything happen."""
    before = ALL_ROUNDS.index((kind, number))
    for moment in cycle.simulation.moments():
        if moment.written and len(cycle.asked()) == before and _opens_next(cycle, kind, moment):
            begin_round(cycle, kind, number)


def _opens_next(cycle: SimulatedCycle, kind: RoundKind, moment: Moment) -> bool:
    stages = {RoundKind.ENROLMENT: "intake", RoundKind.ACCEPTANCE: "kickoff", RoundKind.SURVEY: "closing"}
    if kind is RoundKind.CHECK_IN:
        return moment.workflow_id == cycle.id and moment.what == "timer" and cycle.ledger.stages[-1] == "active"
    return moment.what == "record_stage" and cycle.ledger.stages[-1] == stages[kind]


@pytest.mark.parametrize(("kind", "number"), ALL_ROUNDS)
def test_a_round_that_runs_already_is_followed_to_its_end(kind: RoundKind, number: int) -> None:
    cycle = SimulatedCycle()
    begin_before_the_cycle_does(cycle, kind, number)
    assert cycle.last.result.outcome is Outcome.COMPLETED
    assert (cycle.ledger.stages, cycle.asked()) == (ALL_STAGES, ALL_ROUNDS), "it is asked once"
    watched = f"round-{round_id_for(cycle.ledger.cycle_id, kind, number)}"
    assert [name for id, name in cycle.simulation.signalled if id == watched].count("watch") >= 1
    assert set(cycle.reasons(CloseReason.DEADLINE)) == {found.round_id for found in cycle.ledger.opened}


@pytest.mark.parametrize("wish", ["advance", "cancel", "answer"])
def test_a_round_that_is_only_followed_hears_what_the_cycle_hears(wish: str) -> None:
    cycle = SimulatedCycle()
    round_id, said = "", False
    for moment in cycle.simulation.moments():
        if moment.what == "record_stage" and moment.written and cycle.ledger.stages[-1:] == ["intake"] and not round_id:
            round_id = begin_round(cycle, RoundKind.ENROLMENT, 1)
        elif cycle.asked() and moment.what == "timer" and not said:
            said = True
            began = cycle.simulation.now
            if wish == "cancel":
                cycle.signal("cancel")
            else:
                {"advance": cycle.advance, "answer": cycle.answer}[wish]()
        elif said and len(cycle.ledger.closed) == 1 and moment.what == "record_stage":
            assert cycle.simulation.now - began < DAY
            break
    else:
        pytest.fail("the cycle never went on")
    reasons = {"advance": CloseReason.ADVANCED, "answer": CloseReason.ANSWERED, "cancel": CloseReason.CANCELLED}
    assert cycle.ledger.closed[0].reason is reasons[wish]


def test_a_followed_round_pauses_and_resumes_with_the_cycle() -> None:
    cycle = SimulatedCycle()
    paused = False
    for moment in cycle.simulation.moments():
        if moment.what == "record_stage" and moment.written and cycle.ledger.stages[-1:] == ["intake"]:
            begin_round(cycle, RoundKind.ENROLMENT, 1)
        elif moment.what == "timer" and cycle.asked() and not paused:
            paused = True
            cycle.signal("pause")
    assert cycle.ledger.closed == []
    cycle.signal("resume")
    cycle.rest()
    assert cycle.last.result.outcome is Outcome.COMPLETED
    assert [found.round_id for found in cycle.ledger.extended] == [cycle.ledger.opened[0].round_id]


def test_a_round_that_is_over_in_the_moment_in_which_it_is_followed_answers_with_its_counts() -> None:
    """It ends before it hears who follows it: in every moment of its end."""
    for at in range(12):
        cycle, moments, begun = SimulatedCycle(), 0, False
        cycle.ledger.recipients[RoundKind.ENROLMENT] = 0  # it closes at once
        for moment in cycle.simulation.moments():
            if moment.what == "record_stage" and cycle.ledger.stages[-1:] in ([], ["intake"]) and not begun:
                begun = True
                begin_round(cycle, RoundKind.ENROLMENT, 1)
            moments += begun
            if moments == at:
                break
        cycle.rest()
        assert cycle.last.result.outcome is Outcome.COMPLETED, at
        assert cycle.ledger.stages == ALL_STAGES, at


def test_a_round_that_was_closed_by_an_earlier_run_is_not_asked_again() -> None:
    cycle = SimulatedCycle()
    begin_round(cycle, RoundKind.ENROLMENT, 1)
    cycle.simulation.run(longest=DAY / 2)
    cycle.answer()
    cycle.simulation.run(longest=DAY / 2)
    announced = len(cycle.ledger.announced)
    assert cycle.reasons(CloseReason.ANSWERED) == [cycle.ledger.opened[0].round_id]
    for moment in cycle.simulation.moments():
        if moment.what == "propose_matches":
            assert len(cycle.ledger.announced) == announced
            break
    else:
        pytest.fail("the cycle never went on")


def test_a_round_that_is_started_again_keeps_the_deadline_that_people_were_told() -> None:
    cycle = SimulatedCycle()
    workflow_id = begin_round(cycle, RoundKind.ENROLMENT, 1)
    cycle.simulation.run(longest=2 * DAY)
    deadline = cycle.ledger.opened[0].closes_at
    cycle.simulation.terminate(workflow_id)
    begin_round(cycle, RoundKind.ENROLMENT, 1)
    for moment in cycle.simulation.moments():
        if moment.what == "close_round" and moment.written:
            break
    assert abs(cycle.simulation.now - deadline) < DAY / 24


def test_a_concern_that_runs_already_is_followed() -> None:
    cycle = SimulatedCycle()
    said = False
    for moment in cycle.simulation.moments():
        if moment.what == "open_round" and moment.written and cycle.ledger.stages[-1] == "active" and not said:
            said = True
            heard = ConcernHeard(**cycle.heard(), concern_id=cycle.ledger.cycle_id)
            concern = Concern(
                organization_id=cycle.ledger.organization_id,
                cycle_id=cycle.ledger.cycle_id,
                concern_id=heard.concern_id,
                ladder=LadderPlan(remind_every=DAY, escalate_after=3 * DAY),
            )
            cycle.simulation.start("ConcernWorkflow", concern, f"concern-{heard.concern_id}")
            cycle.signal("raise_concern", heard)
    assert cycle.last.result.outcome is Outcome.COMPLETED


def test_an_announcement_that_runs_already_is_followed() -> None:
    cycle = SimulatedCycle()
    announcement = Announcement(
        organization_id=cycle.ledger.organization_id,
        cycle_id=cycle.ledger.cycle_id,
        scope_id=cycle.ledger.cycle_id,
        template=Template.APPROVAL_NEEDED,
        audience=Audience.COORDINATORS,
    )
    for moment in cycle.simulation.moments():
        if moment.what == "record_stage" and moment.written and cycle.ledger.stages[-1] == "review":
            cycle.simulation.start("AnnouncementWorkflow", announcement, announcement_workflow_id(announcement.id))
    assert cycle.last.result.outcome is Outcome.COMPLETED
    assert [one.id for one in cycle.ledger.announced].count(announcement.id) == 1
