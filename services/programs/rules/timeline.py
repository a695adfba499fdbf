"""The dates of a cycle that has not begun: when each of its rounds would open, remind and close. Pure.

Nobody knows how long coordinators take to approve, so the pairs are approved here in the moment in which enrolment
closes. Every day that an approval takes moves what follows by a day.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from services.programs.resources import PlannedRound
from shared.contracts.programs import Calendar, RoundPlan
from shared.contracts.rounds import RoundKind


def planned_rounds(calendar: Calendar, starts_at: datetime) -> tuple[PlannedRound, ...]:
    """The rounds of a cycle that starts at this moment, in the order in which they open. They last as long as they
    may: nobody answers early, advances or pauses."""
    return tuple(_rounds(calendar, starts_at.astimezone(UTC)))


def _rounds(calendar: Calendar, starts_at: datetime) -> Iterator[PlannedRound]:
    enrolment = _planned(RoundKind.ENROLMENT, 1, calendar.enrolment, starts_at)
    acceptance = _planned(RoundKind.ACCEPTANCE, 1, calendar.acceptance, enrolment.closes_at)
    yield from (enrolment, acceptance)
    closes_at = opens_at = acceptance.closes_at
    for number in range(1, calendar.check_ins + 1):
        opens_at += calendar.wait_for_check_in(number)
        check_in = _planned(RoundKind.CHECK_IN, number, calendar.check_in, opens_at)
        closes_at = check_in.closes_at
        yield check_in
    yield _planned(RoundKind.SURVEY, 1, calendar.survey, closes_at)


def _planned(kind: RoundKind, number: int, plan: RoundPlan, opens_at: datetime) -> PlannedRound:
    return PlannedRound(
        kind=kind,
        number=number,
        opens_at=opens_at,
        closes_at=opens_at + plan.length,
        reminders_at=tuple(opens_at + reminder for reminder in plan.reminders),
    )
