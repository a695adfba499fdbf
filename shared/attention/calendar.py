"""What happens next in a cycle, and when, by its calendar and the round that opened last. Pure.

A pause moves everything that lies ahead, and only rounds that are open say by how much. So a date that a round does not
know is the earliest one, and the page says so.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from shared.attention.resources import Concern, Cycle, Program
from shared.contracts.feedback import ConcernReason, ConcernRung
from shared.contracts.overview import overview_after
from shared.contracts.programs import Calendar, LadderDates, LadderPlan, RoundPlan, Stage
from shared.contracts.rounds import RoundCounts, RoundKind, RoundState
from shared.contracts.working_days import WorkingDays, ladder_dates

TOLD_AT_ONCE = timedelta(hours=12)
"""What the coordinators were told later than so after it was raised, they read in a Monday overview."""


class What(StrEnum):
    """What happens."""

    STARTS = "starts"
    ROUND_CLOSES = "round_closes"
    ROUND_OPENS = "round_opens"
    REMINDER = "reminder"
    """Those who have not answered the round are reminded."""
    APPROVAL_REMINDER = "approval_reminder"
    APPROVAL_ESCALATED = "approval_escalated"
    RECURS = "recurs"
    """The next cycle of a program starts by itself."""


class Happening(NamedTuple):
    at: datetime
    what: What
    cycle: Cycle | None = None
    program: Program | None = None
    """Given if nothing but a program is known, as its next cycle is not there yet."""
    kind: RoundKind | None = None
    number: int = 0
    earliest: bool = False
    """Whether it may happen later, if the cycle was paused."""


class Step(StrEnum):
    """What comes next on the ladder of a matter that needs a human."""

    OVERVIEW = "overview"
    """The coordinators read of it in the Monday overview."""
    REMINDER = "reminder"
    SPONSOR = "sponsor"
    SPONSOR_TOLD = "sponsor_told"
    """Nothing comes next: the sponsor was told last."""
    STANDS_STILL = "stands_still"
    """The cycle is paused."""


class Matter(Protocol):
    """A concern, as far as its ladder needs it."""

    @property
    def reason(self) -> ConcernReason | None: ...
    @property
    def rung(self) -> ConcernRung | None: ...
    @property
    def raised_at(self) -> datetime: ...
    @property
    def escalated_at(self) -> datetime | None: ...


class NextStep(NamedTuple):
    step: Step
    at: datetime | None = None


def next_of_cycle(cycle: Cycle, now: datetime) -> Happening | None:
    """What one waits for in the cycle. None while it is paused or being cancelled, or works on something at once."""
    return next((one for one in happenings(cycle, now) if one.what is not What.REMINDER), None)


def happenings(cycle: Cycle, now: datetime) -> list[Happening]:
    """Everything ahead that is known of the cycle, in the order of time."""
    if cycle.paused or cycle.cancellation_requested_at is not None:
        return []
    return sorted((one for one in _ahead(cycle, now) if one.at > now), key=lambda one: one.at)


def next_of_concern(concern: Concern, cycle: Cycle | None, now: datetime) -> NextStep | None:
    """What comes next if nobody resolves the concern. None if it cannot be told."""
    if cycle is None:
        return None
    return next_of_matter(concern, cycle.calendar, cycle.time_zone, cycle.paused, now)


def next_of_matter(concern: Matter, calendar: Calendar, time_zone: str, paused: bool, now: datetime) -> NextStep | None:
    """The same by the calendar of its cycle; None if nobody else is told. A pause moves what lies ahead, so that a date
    is the earliest one."""
    if concern.rung is ConcernRung.SPONSOR:
        return NextStep(Step.SPONSOR_TOLD, concern.escalated_at)
    if paused:
        return NextStep(Step.STANDS_STILL)
    raised, told = concern.raised_at, concern.escalated_at
    if told is None and concern.reason is not ConcernReason.NOT_A_FIT and calendar.sending_hours is not None:
        monday = overview_after(raised)
        return NextStep(Step.OVERVIEW, monday if monday > now else overview_after(now))
    if told is None or told - raised < TOLD_AT_ONCE:
        return next_rung(calendar, calendar.concern, time_zone, raised, now)
    ladder = calendar.concern.model_copy(update={"remind_every": calendar.concern.escalate_after})
    return next_rung(calendar, ladder, time_zone, told, now)


def next_of_approval(cycle: Cycle, now: datetime) -> NextStep | None:
    """What comes next if nobody approves the matches of a cycle in review."""
    if cycle.paused:
        return NextStep(Step.STANDS_STILL)
    return next_rung(cycle.calendar, cycle.calendar.approval, cycle.time_zone, cycle.stage_changed_at, now)


def next_rung(
    calendar: Calendar, ladder: LadderPlan, time_zone: str, since: datetime, now: datetime
) -> NextStep | None:
    """The next rung of a ladder of the calendar that began at `since`. None after the last one."""
    dates = _dates_of(calendar, ladder, time_zone, since)
    if now >= dates.escalates_at:
        return None
    reminds_at = next((at for at in dates.reminds_at if at > now), None)
    return NextStep(Step.SPONSOR, dates.escalates_at) if reminds_at is None else NextStep(Step.REMINDER, reminds_at)


def _dates_of(calendar: Calendar, ladder: LadderPlan, time_zone: str, since: datetime) -> LadderDates:
    if calendar.working_days:
        return ladder_dates(ladder, WorkingDays(time_zone, calendar.holidays), since)
    reminders = -(-ladder.escalate_after // ladder.remind_every)
    return LadderDates(
        reminds_at=tuple(since + ladder.remind_every * number for number in range(1, reminders)),
        escalates_at=since + ladder.escalate_after,
    )


def _ahead(cycle: Cycle, now: datetime) -> Iterator[Happening]:
    if cycle.stage is Stage.SCHEDULED:
        yield Happening(cycle.starts_at, What.STARTS, cycle)
    elif cycle.stage is Stage.REVIEW:
        yield from _approval(cycle, now)
    else:
        if cycle.last_round is not None and cycle.last_round.state is RoundState.OPEN:
            yield from _round(cycle, cycle.last_round)
        if cycle.stage is Stage.ACTIVE:
            yield from _check_ins(cycle)


def _approval(cycle: Cycle, now: datetime) -> Iterator[Happening]:
    found = next_of_approval(cycle, now)
    if found is not None and found.step is Step.REMINDER and found.at is not None:
        yield Happening(found.at, What.APPROVAL_REMINDER, cycle, earliest=True)
    dates = _dates_of(cycle.calendar, cycle.calendar.approval, cycle.time_zone, cycle.stage_changed_at)
    yield Happening(dates.escalates_at, What.APPROVAL_ESCALATED, cycle, earliest=True)


def _round(cycle: Cycle, opened: RoundCounts) -> Iterator[Happening]:
    yield Happening(opened.closes_at, What.ROUND_CLOSES, cycle, kind=opened.kind, number=opened.number)
    plan = _plan_of(cycle, opened.kind)
    for after in plan.reminders if plan is not None else ():
        at = opened.opened_at + after + _pause(cycle, opened)
        if at < opened.closes_at:
            yield Happening(at, What.REMINDER, cycle, kind=opened.kind, number=opened.number)


def _check_ins(cycle: Cycle) -> Iterator[Happening]:
    """The next check-in, or the survey after the last one."""
    calendar, last = cycle.calendar, cycle.last_round
    asked = last.number if last is not None and last.kind is RoundKind.CHECK_IN else 0
    if asked < calendar.check_ins:
        wait = calendar.wait_for_check_in(asked + 1)
        opens_at = cycle.stage_changed_at + wait
        if asked and last is not None:
            opens_at = last.opened_at + wait + _pause(cycle, last)
        yield Happening(opens_at, What.ROUND_OPENS, cycle, kind=RoundKind.CHECK_IN, number=asked + 1, earliest=True)
    elif last is not None and last.state is RoundState.OPEN:
        yield Happening(last.closes_at, What.ROUND_OPENS, cycle, kind=RoundKind.SURVEY, number=1, earliest=True)


def _plan_of(cycle: Cycle, kind: RoundKind) -> RoundPlan | None:
    found = getattr(cycle.calendar, kind.value, None)
    return found if isinstance(found, RoundPlan) else None


def _pause(cycle: Cycle, opened: RoundCounts) -> timedelta:
    """For how long the cycle was paused while the round was open: by this its deadline was moved."""
    plan = _plan_of(cycle, opened.kind)
    if plan is None:
        return timedelta()
    return max(opened.closes_at - opened.opened_at - plan.length, timedelta())
