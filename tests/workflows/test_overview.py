"""The Monday overview: one announcement a week, and what can wait for it is told by nothing else."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from shared.contracts.intake import Leaver
from shared.contracts.matching import ReleasedPair
from shared.contracts.notifications import Audience, Template
from shared.contracts.overview import overview_after
from shared.contracts.programs import LadderPlan, OrganizationRef, SendingHours
from tests.fakes import DAY, START
from tests.workflows.simulated import SimulatedCycle, in_a_check_in

TOLD = (Template.CONCERN_RAISED, Template.CONCERN_REMINDER, Template.CONCERN_ESCALATED)
LADDER = LadderPlan(remind_every=DAY, escalate_after=3 * DAY)


def silent(*, unpatched: bool = False, hours: SendingHours | None = SendingHours()) -> SimulatedCycle:
    """A cycle in its first check-in, whose people are silent. It is Tuesday."""
    cycle = SimulatedCycle(unpatched=unpatched)
    cycle.ledger.calendar = cycle.ledger.calendar.model_copy(update={"sending_hours": hours, "concern": LADDER})
    in_a_check_in(cycle)
    cycle.simulation.run(longest=(1 - cycle.simulation.now.weekday()) % 7 * DAY)
    cycle.miss_check_ins()
    return cycle


def told(cycle: SimulatedCycle, longest: timedelta) -> list[tuple[Template, datetime]]:
    found, before = list[tuple[Template, datetime]](), len(cycle.ledger.announced)
    for _ in cycle.simulation.moments(longest=longest):
        new = cycle.ledger.announced[before:]
        found += [(one.template, cycle.simulation.now) for one in new if one.template in TOLD]
        before = len(cycle.ledger.announced)
    return found


def test_silence_waits_for_monday_and_the_sponsor_is_told_if_nothing_happens_after_that() -> None:
    cycle = silent()
    monday = overview_after(cycle.simulation.now)
    assert told(cycle, 14 * DAY) == [(Template.CONCERN_ESCALATED, monday + 3 * DAY)]
    assert len(cycle.ledger.escalated_rounds) == 2, "the coordinators count as told on Monday, and then the sponsor"
    assert cycle.ledger.overviews, "the overview is scheduled"


def test_what_is_resolved_before_monday_is_told_to_nobody_more() -> None:
    cycle = silent()
    cycle.simulation.run(longest=DAY)
    cycle.ledger.silent = 0
    assert told(cycle, 14 * DAY) == []


def test_a_pause_over_monday_leaves_it_to_the_monday_after_the_pause() -> None:
    cycle = silent()
    monday = overview_after(cycle.simulation.now)
    cycle.simulation.run(longest=DAY)
    cycle.signal("pause")
    assert told(cycle, 7 * DAY) == []
    cycle.signal("resume")
    assert told(cycle, 14 * DAY) == [(Template.CONCERN_ESCALATED, monday + 7 * DAY + 3 * DAY)]


@pytest.mark.parametrize(("unpatched", "hours"), [(False, None), (True, SendingHours())])
def test_programs_that_send_at_any_hour_and_older_runs_tell_of_silence_at_once(
    unpatched: bool, hours: SendingHours | None
) -> None:
    cycle = silent(unpatched=unpatched, hours=hours)
    templates = [template for template, _ in told(cycle, 14 * DAY)]
    assert templates == [TOLD[0], TOLD[1], TOLD[1], TOLD[2]]


def test_not_a_fit_is_told_at_once_and_does_not_wait_for_monday() -> None:
    cycle = silent()
    cycle.ledger.silent = 0
    cycle.raise_concern()
    assert [template for template, _ in told(cycle, DAY / 2)] == [Template.CONCERN_RAISED]


@pytest.mark.parametrize("hours", [None, SendingHours()])
def test_leavers_wait_for_monday_unless_the_program_sends_at_any_hour(hours: SendingHours | None) -> None:
    cycle = SimulatedCycle()
    cycle.ledger.calendar = cycle.ledger.calendar.model_copy(update={"sending_hours": hours})
    ledger = cycle.ledger
    leaver = Leaver(organization_id=ledger.organization_id, person_id=uuid4(), left_at=START)
    ledger.pairs_of[leaver.person_id] = [ReleasedPair(pair_id=uuid4(), cycle_id=ledger.cycle_id)]
    cycle.simulation.start("LeaverWorkflow", leaver, "leaver-1")
    cycle.simulation.run(longest=DAY / 2)
    coordinators = [Template.PEOPLE_LEFT] if hours is None else []
    assert ledger.templates() == [Template.PARTNER_LEFT, *coordinators]
    assert bool(ledger.overviews) == (hours is not None)


def test_the_overviews_of_a_week_are_one_announcement_to_every_coordinator_however_often_it_is_started() -> None:
    cycle = SimulatedCycle()
    organization = OrganizationRef(organization_id=cycle.ledger.organization_id)
    for number in range(2):
        cycle.simulation.start("OverviewWorkflow", organization, f"overview-{number}")
        cycle.simulation.run(longest=timedelta(hours=1))
        assert f"overview-{number}" in cycle.simulation.ended
    one, again = cycle.ledger.announced
    assert one == again
    assert (one.template, one.audience) == (Template.WEEKLY_OVERVIEW, Audience.EVERY_COORDINATOR)
    assert (one.cycle_id, one.scope_id) == (None, organization.organization_id)
    cycle.simulation.run(longest=DAY)
    cycle.simulation.start("OverviewWorkflow", organization, "overview-later")
    cycle.simulation.run(longest=timedelta(hours=1))
    assert cycle.ledger.announced[-1].id != one.id, "another day is another announcement"
