"""Concerns: each is told on a short way of its own, a round's silence is one message, and a pause reaches all."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from shared.contracts.notifications import Audience, Template
from shared.contracts.programs import Outcome, Stage
from tests.fakes import DAY
from tests.unit.properties import FACTOR
from tests.workflows.simulated import RAISES, SimulatedCycle, in_a_check_in
from workflows.states.cycle_state import ConcernHeard

ABOUT_CONCERNS = (Template.CONCERN_RAISED, Template.CONCERN_REMINDER, Template.CONCERN_ESCALATED)


def said(cycle: SimulatedCycle) -> list[tuple[Template, Audience]]:
    return [(one.template, one.audience) for one in cycle.ledger.announced if one.template in ABOUT_CONCERNS]


LADDER = [
    (Template.CONCERN_RAISED, Audience.COORDINATORS),
    (Template.CONCERN_REMINDER, Audience.COORDINATORS),
    (Template.CONCERN_REMINDER, Audience.COORDINATORS),
    (Template.CONCERN_ESCALATED, Audience.SPONSOR),
]


@pytest.mark.parametrize("raises", RAISES)
def test_a_concern_climbs_its_ladder_in_one_workflow_that_is_nobody_s_child(
    raises: Callable[[SimulatedCycle], str],
) -> None:
    cycle = SimulatedCycle()
    in_a_check_in(cycle)
    before = dict(cycle.simulation.running)
    workflow_id = raises(cycle)
    cycle.simulation.settle()
    concern = cycle.simulation.running[workflow_id]
    assert concern.parent is None
    activities = []
    for moment in cycle.simulation.moments(longest=DAY / 2):
        if moment.workflow_id == workflow_id and not moment.written:
            activities.append(moment.what)
    escalate = "escalate_concern" if workflow_id.startswith("concern") else "escalate_round"
    assert activities == ["read_plan", escalate, "prepare_messages", "deliver_messages"]
    cycle.simulation.run(longest=4 * DAY)
    assert said(cycle) == LADDER
    others = [id for id in cycle.simulation.running.keys() | cycle.simulation.ended.keys() if id not in before]
    assert [id for id in others if not id.startswith(("concern-", "digest-", "announcement-", "round-"))] == []
    told = {found.id for found in cycle.ledger.announced if found.template in ABOUT_CONCERNS}
    assert [id for id in others if id.removeprefix("announcement-") in map(str, told)] == [], "no grandchildren"


def test_hundreds_of_silent_people_are_one_message_a_rung() -> None:
    cycle = SimulatedCycle()
    cycle.ledger.silent = 300
    in_a_check_in(cycle)
    for _ in range(300):  # an event for each of them
        cycle.miss_check_ins()
    cycle.simulation.run(longest=4 * DAY)
    assert said(cycle) == LADDER
    assert cycle.ledger.opened[-1].round_id in {one.scope_id for one in cycle.ledger.announced}


def test_a_digest_ends_when_every_concern_in_it_is_resolved() -> None:
    cycle = SimulatedCycle()
    in_a_check_in(cycle)
    workflow_id = cycle.miss_check_ins()
    cycle.simulation.run(longest=DAY / 2)
    cycle.ledger.silent = 0
    cycle.simulation.run(longest=DAY)
    assert said(cycle) == LADDER[:1]
    assert workflow_id not in cycle.simulation.running


def test_a_digest_ends_by_itself_after_the_sponsor_was_told_and_a_concern_waits_until_it_is_resolved() -> None:
    cycle = SimulatedCycle()
    in_a_check_in(cycle)
    digest, concern = cycle.miss_check_ins(), cycle.raise_concern()
    cycle.simulation.run(longest=5 * DAY)
    assert (digest in cycle.simulation.running, concern in cycle.simulation.running) == (False, True)
    cycle.simulation.signal(concern, "resolve")
    cycle.simulation.settle()
    assert concern not in cycle.simulation.running


@pytest.mark.parametrize("raises", RAISES)
def test_a_pause_and_a_resume_of_the_cycle_reach_open_concerns(raises: Callable[[SimulatedCycle], str]) -> None:
    cycle = SimulatedCycle()
    in_a_check_in(cycle)
    raises(cycle)
    cycle.simulation.run(longest=DAY / 2)
    cycle.signal("pause")
    cycle.simulation.run(longest=100 * DAY)
    assert said(cycle) == LADDER[:1]
    cycle.signal("resume")
    cycle.simulation.run(longest=DAY)
    assert said(cycle) == LADDER[:2]


@pytest.mark.property
@pytest.mark.parametrize("raises", RAISES)
@pytest.mark.parametrize("at", range(8))
def test_a_concern_that_is_raised_around_a_pause_stands_still_and_goes_on_afterwards(
    raises: Callable[[SimulatedCycle], str], at: int
) -> None:
    """The pause falls in every moment of the concern's beginning, before it and after it, and the resume in some or,
    in `make long`, in all of the next."""
    for resumes_at in range(at + 1, at + 8, 3 if FACTOR == 1 else 1):
        cycle = SimulatedCycle()
        in_a_check_in(cycle)
        workflow_id, began, before = "", 0, 0
        for number, _ in enumerate(cycle.simulation.moments(longest=DAY / 2)):
            if number == 3:
                workflow_id, before = raises(cycle), len(said(cycle))
            if number == at:
                cycle.ledger.paused = True
                cycle.signal("pause")
                began = len(said(cycle))
            if number == resumes_at:
                cycle.ledger.paused = False
                cycle.signal("resume")
        if cycle.ledger.paused:
            cycle.simulation.run(longest=100 * DAY)
            assert len(said(cycle)) <= max(began, before) + 1, (at, resumes_at)  # what was under way
            cycle.ledger.paused = False
            cycle.signal("resume")
        cycle.simulation.run(longest=5 * DAY)
        assert said(cycle) == LADDER, (at, resumes_at)
        assert workflow_id


def test_thousands_of_open_concerns_are_no_children_and_cost_the_cycle_a_few_events() -> None:
    cycle = SimulatedCycle()
    in_a_check_in(cycle)
    cycle.simulation.settle()
    before = cycle.last.length
    cycle.ledger.concerns = {uuid4(): f"concern-{number}" for number in range(10_000)}
    cycle.ledger.page = 500
    cycle.signal("pause")
    cycle.simulation.run(longest=DAY)
    cycle.signal("resume")
    cycle.simulation.run(longest=DAY / 24)
    heard = [name for id, name in cycle.simulation.signalled if id == "concern-9999"]
    assert heard == ["pause", "resume"]
    assert cycle.last.length - before < 200
    cycle.rest()
    assert cycle.last.result.outcome is Outcome.COMPLETED


@pytest.mark.parametrize("word", ["cancel", None])
@pytest.mark.parametrize("raises", RAISES)
def test_the_end_of_the_cycle_ends_its_concerns(raises: Callable[[SimulatedCycle], str], word: str | None) -> None:
    cycle = SimulatedCycle()
    in_a_check_in(cycle)
    workflow_id = raises(cycle)
    cycle.simulation.run(longest=DAY / 2)
    if word is not None:
        cycle.signal(word)
    cycle.rest()
    assert cycle.is_over
    assert workflow_id not in cycle.simulation.running
    assert cycle.ledger.stages[-1] in (Stage.CANCELLED, Stage.COMPLETED)


def test_a_concern_that_a_dispatcher_of_the_release_before_tells_to_the_cycle_still_is_its_child() -> None:
    cycle = SimulatedCycle()
    in_a_check_in(cycle)
    concern_id = uuid4()
    cycle.signal("raise_concern", ConcernHeard(**cycle.heard(), concern_id=concern_id))
    cycle.simulation.run(longest=DAY / 2)
    concern = cycle.simulation.running[f"concern-{concern_id}"]
    assert concern.parent is not None
    cycle.signal("pause")
    cycle.simulation.run(longest=100 * DAY)
    assert said(cycle) == LADDER[:1]
    cycle.signal("resume")
    cycle.simulation.run(longest=4 * DAY)
    assert said(cycle) == LADDER
