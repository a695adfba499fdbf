"""The dates of a cycle that has not begun."""

from datetime import UTC, datetime, timedelta

from services.programs.rules.timeline import planned_rounds
from shared.contracts.programs import Calendar, RoundPlan
from shared.contracts.rounds import RoundKind

START = datetime(2027, 1, 4, 8, tzinfo=UTC)


def days(moment: datetime) -> float:
    return (moment - START) / timedelta(days=1)


def test_rounds_follow_one_another_as_the_workflow_of_a_cycle_asks_them() -> None:
    rounds = planned_rounds(Calendar(check_ins=2), START)
    told = [(one.kind.value, one.number, days(one.opens_at), days(one.closes_at)) for one in rounds]
    assert told == [
        ("enrolment", 1, 0, 14),
        ("acceptance", 1, 14, 21),
        ("check_in", 1, 35, 40),
        ("check_in", 2, 49, 54),
        ("survey", 1, 54, 61),
    ]
    assert [days(at) for at in rounds[0].reminders_at] == [7, 12]


def test_the_first_check_in_may_come_sooner_than_the_others_follow() -> None:
    rounds = planned_rounds(Calendar(check_ins=2, first_check_in=timedelta(days=3)), START)
    assert [days(one.opens_at) for one in rounds if one.kind is RoundKind.CHECK_IN] == [24, 38]


def test_without_check_ins_the_survey_follows_the_offers() -> None:
    plan = RoundPlan(length=timedelta(days=1))
    rounds = planned_rounds(Calendar(enrolment=plan, acceptance=plan, check_ins=0), START)
    assert [days(one.opens_at) for one in rounds] == [0, 1, 2]
