"""Ladders that count working days stand still on weekends and holidays, and go on where they stood after a pause."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from shared.contracts.notifications import Template
from shared.contracts.programs import Calendar, LadderPlan
from tests.fakes import DAY
from tests.workflows.simulated import RAISES, SimulatedCycle, in_a_check_in

HOUR = timedelta(hours=1)
FRIDAY, SATURDAY = 4, 5
TOLD = (Template.CONCERN_RAISED, Template.CONCERN_REMINDER, Template.CONCERN_ESCALATED)
APPROVAL = (Template.APPROVAL_NEEDED, Template.APPROVAL_REMINDER, Template.APPROVAL_ESCALATED)
ONE_TWO_THREE = LadderPlan(remind_every=DAY, escalate_after=3 * DAY)


def on_a_friday(*, unpatched: bool = False, **changes: object) -> SimulatedCycle:
    """A cycle in its first check-in. It is Friday, 16:00."""
    cycle = SimulatedCycle(unpatched=unpatched)
    defaults = {"concern": ONE_TWO_THREE, "working_days": True}
    cycle.ledger.calendar = cycle.ledger.calendar.model_copy(update=defaults | changes)
    in_a_check_in(cycle)
    now = cycle.simulation.now
    friday = (now + (FRIDAY - now.weekday()) % 7 * DAY).replace(hour=16, minute=0, second=0, microsecond=0)
    cycle.simulation.run(longest=friday - now)
    return cycle


def told(cycle: SimulatedCycle, longest: timedelta, templates: tuple[Template, ...] = TOLD) -> list[str]:
    """When something is told, such as `Mon 16`."""
    found, before = list[str](), len([one for one in cycle.ledger.announced if one.template in templates])
    for _ in cycle.simulation.moments(longest=longest):
        count = len([one for one in cycle.ledger.announced if one.template in templates])
        found += [f"{cycle.simulation.now:%a %-H}"] * (count - before)
        before = count
    return found


def monday_after(moment: datetime) -> date:
    return (moment + (7 - moment.weekday()) * DAY).date()


@pytest.mark.parametrize("raises", RAISES)
def test_a_concern_of_a_friday_is_reminded_of_on_monday(raises: Callable[[SimulatedCycle], str]) -> None:
    cycle = on_a_friday()
    raises(cycle)
    assert told(cycle, 6 * DAY) == ["Fri 16", "Mon 16", "Tue 16", "Wed 16"]
    assert len(cycle.ledger.ladders) == 1, "programs is asked once for all rungs"


def test_a_holiday_is_no_working_day() -> None:
    friday = on_a_friday().simulation.now
    cycle = on_a_friday(holidays=(monday_after(friday),))
    cycle.raise_concern()
    assert told(cycle, 6 * DAY) == ["Fri 16", "Tue 16", "Wed 16", "Thu 16"]


def test_calendars_that_do_not_say_so_count_every_day_as_before() -> None:
    assert not Calendar().working_days
    cycle = on_a_friday(working_days=False)
    cycle.raise_concern()
    assert told(cycle, 6 * DAY) == ["Fri 16", "Sat 16", "Sun 16", "Mon 16"]
    assert cycle.ledger.ladders == []


def test_a_run_that_began_before_ladders_counted_working_days_keeps_what_it_does() -> None:
    cycle = on_a_friday(unpatched=True)
    cycle.raise_concern()
    assert told(cycle, 6 * DAY) == ["Fri 16", "Sat 16", "Sun 16", "Mon 16"]


@pytest.mark.parametrize(("paused_for", "then"), [(DAY, "Mon 16"), (2 * DAY, "Tue 0"), (3 * DAY, "Wed 0")])
def test_after_a_pause_a_ladder_goes_on_where_it_stood(paused_for: timedelta, then: str) -> None:
    """Eight hours of the day have passed when the cycle is paused on Saturday at 8. What is left of it, sixteen hours,
    passes after the pause, and a pause within the weekend moves nothing."""
    cycle = on_a_friday()
    cycle.raise_concern()
    assert told(cycle, 16 * HOUR) == ["Fri 16"]
    cycle.signal("pause")
    assert told(cycle, paused_for) == []
    cycle.signal("resume")
    assert told(cycle, 3 * DAY)[0] == then
