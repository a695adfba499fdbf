"""What a cycle waits for: its code, since when, until when, and who can do something."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.attention.home import Found, Kind, home_of
from shared.attention.resources import Cycle, Cycles
from shared.attention.waiting import OVERDUE, Party, WaitsFor, stall_of, wait_of
from shared.contracts.overview import Stall, StallReason
from shared.contracts.programs import Calendar, Stage
from shared.contracts.rounds import RoundCounts, RoundKind, RoundState

NOW = datetime(2027, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ENTERED = NOW - DAY


def cycle(stage: Stage, **changes: Any) -> Cycle:
    plain: dict[str, Any] = {
        "id": uuid4(), "program_name": "Upside Down", "period": "2027-Q1", "stage": stage, "paused": False,
        "starts_at": NOW - 30 * DAY, "stage_changed_at": ENTERED, "calendar": Calendar(),
    }  # fmt: skip
    return Cycle(**plain | changes)


def a_round(kind: RoundKind, closes_at: datetime, closed_at: datetime | None = None) -> RoundCounts:
    return RoundCounts(
        id=uuid4(), kind=kind, number=1, state=RoundState.CLOSED if closed_at else RoundState.OPEN,
        opened_at=NOW - 2 * DAY, closes_at=closes_at, closed_at=closed_at, recipients=2, answered=1, pending=1,
    )  # fmt: skip


OPEN = a_round(RoundKind.ENROLMENT, NOW + DAY)
CLOSED = a_round(RoundKind.CHECK_IN, NOW - DAY, NOW - timedelta(hours=2))


@pytest.mark.parametrize(
    ("seen", "code", "since", "until", "who"),
    [
        (cycle(Stage.SCHEDULED, starts_at=NOW + DAY), WaitsFor.START, ENTERED, NOW + DAY, [Party.COORDINATORS]),
        (cycle(Stage.SCHEDULED), WaitsFor.NEXT_STEP, ENTERED, None, [Party.UPWARD]),
        (cycle(Stage.INTAKE), WaitsFor.NEXT_STEP, ENTERED, None, [Party.UPWARD]),
        (
            *(cycle(Stage.INTAKE, last_round=OPEN), WaitsFor.ANSWERS, OPEN.opened_at, OPEN.closes_at),
            [Party.PARTICIPANTS, Party.COORDINATORS],
        ),
        (cycle(Stage.MATCHING), WaitsFor.MATCHING, ENTERED, None, [Party.UPWARD]),
        (cycle(Stage.REVIEW, last_round=CLOSED), WaitsFor.APPROVAL, ENTERED, None, [Party.COORDINATORS]),
        (
            *(cycle(Stage.ACTIVE, paused=True, paused_at=NOW), WaitsFor.RESUMPTION, NOW, None),
            [Party.COORDINATORS],
        ),
        (
            cycle(Stage.ACTIVE, cancellation_requested_at=NOW), WaitsFor.CANCELLATION, NOW, None, [Party.UPWARD],
        ),
        (cycle(Stage.CLOSING, last_round=CLOSED), WaitsFor.NEXT_STEP, CLOSED.closed_at, None, [Party.UPWARD]),
    ],
)  # fmt: skip
def test_a_cycle_tells_what_it_waits_for_since_when_until_when_and_who_can_do_something(
    seen: Cycle, code: WaitsFor, since: datetime, until: datetime | None, who: list[Party]
) -> None:
    wait = wait_of(seen, NOW)
    assert wait is not None
    assert (wait.code, wait.since, wait.until, list(wait.who)) == (code, since, until, who)


def test_between_check_ins_only_time_helps_and_a_pause_may_move_the_date() -> None:
    wait = wait_of(cycle(Stage.ACTIVE, calendar=Calendar(check_ins=2, first_check_in=3 * DAY)), NOW)
    assert wait is not None
    assert (wait.code, wait.until, wait.at_the_earliest, wait.who) == (WaitsFor.NEXT_ROUND, NOW + 2 * DAY, True, ())
    assert (wait.round_kind, wait.round_number) == (RoundKind.CHECK_IN, 1)


@pytest.mark.parametrize("stage", [Stage.COMPLETED, Stage.CANCELLED])
def test_a_cycle_that_has_ended_waits_for_nothing(stage: Stage) -> None:
    assert wait_of(cycle(stage), NOW) is None


@pytest.mark.parametrize(
    ("late", "paused", "overdue"),
    [(OVERDUE, False, True), (OVERDUE - timedelta(seconds=1), False, False), (DAY, True, False)],
)
def test_a_round_that_stays_open_after_its_deadline_is_a_stall_unless_the_cycle_is_paused(
    late: timedelta, paused: bool, overdue: bool
) -> None:
    seen = cycle(Stage.INTAKE, last_round=a_round(RoundKind.ENROLMENT, NOW - late), paused=paused)
    stall, wait = stall_of(seen, NOW), wait_of(seen, NOW)
    assert (stall is not None and stall.reason is StallReason.ROUND_OVERDUE) == overdue
    assert wait is not None
    assert (wait.who == (Party.OPERATOR,)) == overdue


def test_a_cycle_that_does_not_move_is_the_first_thing_on_the_home_page() -> None:
    stall = Stall(reason=StallReason.WORKFLOW_MISSING, since=ENTERED)
    home = home_of(Found(Cycles(items=(cycle(Stage.REVIEW, stalled=stall), cycle(Stage.REVIEW)))), NOW)
    assert [task.kind for task in home.tasks] == [Kind.STALLED, Kind.APPROVAL, Kind.APPROVAL]
    assert (home.tasks[0].stalled, home.tasks[0].since) == (StallReason.WORKFLOW_MISSING, ENTERED)
