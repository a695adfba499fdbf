"""What the home page says: what needs a human now, what comes next in each cycle, and what happens soon."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.attention.calendar import (
    NextStep,
    Step,
    What,
    happenings,
    next_of_concern,
    next_of_cycle,
    next_rung,
)
from shared.attention.home import FirstSteps, Found, Kind, home_of
from shared.attention.resources import (
    AccessKey,
    AccessKeys,
    Concern,
    Concerns,
    Cycle,
    Cycles,
    Endpoint,
    Endpoints,
    MatchRun,
    MatchRuns,
    Message,
    Messages,
    Program,
    Programs,
)
from shared.contracts.endpoints import DisableReason, EndpointState
from shared.contracts.feedback import ConcernReason, ConcernRung
from shared.contracts.matching import MatchRunState
from shared.contracts.programs import Calendar, LadderPlan, Stage
from shared.contracts.rounds import RoundCounts, RoundKind, RoundState

NOW = datetime(2027, 3, 10, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def cycle(stage: Stage, **changes: Any) -> Cycle:
    plain: dict[str, Any] = {
        "id": uuid4(), "program_name": "Upside Down", "time_zone": "Europe/Berlin", "period": "2027-Q1",
        "stage": stage, "paused": False, "starts_at": NOW - 30 * DAY, "stage_changed_at": NOW - DAY,
        "calendar": Calendar(),
    }  # fmt: skip
    return Cycle(**plain | changes)


def round_of(kind: RoundKind, opened: timedelta, length: timedelta, number: int = 1, *, closed: bool = False) -> Any:
    return RoundCounts(
        id=uuid4(), kind=kind, number=number, state=RoundState.CLOSED if closed else RoundState.OPEN,
        opened_at=NOW - opened, closes_at=NOW - opened + length, recipients=10, answered=4, pending=6,
    )  # fmt: skip


def concern(cycle: Cycle, raised: timedelta, rung: ConcernRung | None = ConcernRung.COORDINATOR) -> Concern:
    told_at = NOW - HOUR if rung else None
    return Concern(
        id=uuid4(), cycle_id=cycle.id, person_id=uuid4(), reason=ConcernReason.NOT_A_FIT, rung=rung,
        raised_at=NOW - raised, escalated_at=told_at,
    )  # fmt: skip


def endpoint(state: EndpointState, reason: DisableReason | None = None, failing: datetime | None = None) -> Endpoint:
    return Endpoint(
        id=uuid4(), url="https://bi.example.org/secret", description="", state=state, disable_reason=reason,
        disabled_at=None, failing_since=failing,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("age", "found"),
    [
        (timedelta(), NextStep(Step.REMINDER, NOW + DAY)),
        (DAY, NextStep(Step.REMINDER, NOW + DAY)),
        (DAY + HOUR, NextStep(Step.REMINDER, NOW + DAY - HOUR)),
        (2 * DAY + HOUR, NextStep(Step.SPONSOR, NOW + DAY - HOUR)),
        (3 * DAY, None),
    ],
)
def test_the_ladder_tells_its_next_rung(age: timedelta, found: NextStep | None) -> None:
    ladder = LadderPlan(remind_every=DAY, escalate_after=3 * DAY)
    assert next_rung(Calendar(), ladder, "UTC", NOW - age, NOW) == found


def test_a_ladder_that_counts_working_days_shows_the_date_after_the_weekend_by_the_program_s_clock() -> None:
    calendar = Calendar(working_days=True, holidays=(date(2026, 3, 9),))
    friday = datetime(2026, 3, 6, 22, 30, tzinfo=UTC)  # 17:30 in New York
    ladder = LadderPlan(remind_every=DAY, escalate_after=2 * DAY)
    tuesday = NextStep(Step.REMINDER, datetime(2026, 3, 10, 21, 30, tzinfo=UTC))  # the clocks changed on Sunday
    assert next_rung(calendar, ladder, "America/New_York", friday, friday) == tuesday
    assert next_rung(calendar, ladder, "America/New_York", friday, tuesday.at or friday) == NextStep(
        Step.SPONSOR, datetime(2026, 3, 11, 21, 30, tzinfo=UTC)
    )
    in_review = cycle(Stage.REVIEW, stage_changed_at=friday, calendar=calendar, time_zone="America/New_York")
    ahead = {one.what: one.at for one in happenings(in_review, friday)}
    assert ahead[What.APPROVAL_ESCALATED] == datetime(2026, 3, 16, 21, 30, tzinfo=UTC)


def test_the_next_step_of_a_concern_follows_its_rung_and_its_cycle() -> None:
    running, paused = cycle(Stage.ACTIVE), cycle(Stage.ACTIVE, paused=True)
    told = NextStep(Step.SPONSOR_TOLD, NOW - HOUR)
    assert next_of_concern(concern(running, HOUR), running, NOW) == NextStep(Step.REMINDER, NOW + DAY - HOUR)
    assert next_of_concern(concern(running, 4 * DAY, ConcernRung.SPONSOR), running, NOW) == told
    assert next_of_concern(concern(paused, HOUR), paused, NOW) == NextStep(Step.STANDS_STILL)
    assert next_of_concern(concern(running, HOUR), None, NOW) is None


def test_a_round_that_a_pause_has_moved_moves_its_reminders_too() -> None:
    moved = round_of(RoundKind.ENROLMENT, 2 * DAY, 15 * DAY)
    found = happenings(cycle(Stage.INTAKE, last_round=moved), NOW)
    assert [(one.what, one.at - NOW) for one in found] == [
        (What.REMINDER, 6 * DAY),
        (What.REMINDER, 11 * DAY),
        (What.ROUND_CLOSES, 13 * DAY),
    ]
    assert not any(one.earliest for one in found)


def test_between_check_ins_one_waits_for_the_next_and_after_the_last_for_the_survey() -> None:
    calendar = Calendar(check_ins=2, first_check_in=3 * DAY)

    def after(last: Any) -> Any:
        found = next_of_cycle(cycle(Stage.ACTIVE, calendar=calendar, last_round=last), NOW)
        return found and (found.what, found.kind, found.number, found.at - NOW)

    assert after(None) == (What.ROUND_OPENS, RoundKind.CHECK_IN, 1, 2 * DAY)
    assert after(round_of(RoundKind.ACCEPTANCE, 9 * DAY, 7 * DAY, closed=True))[2:] == (1, 2 * DAY)
    closed = round_of(RoundKind.CHECK_IN, 6 * DAY, 5 * DAY, closed=True)
    assert after(closed) == (What.ROUND_OPENS, RoundKind.CHECK_IN, 2, 8 * DAY)
    last = round_of(RoundKind.CHECK_IN, DAY, 5 * DAY, 2)
    assert after(last) == (What.ROUND_CLOSES, RoundKind.CHECK_IN, 2, 4 * DAY)
    ahead = happenings(cycle(Stage.ACTIVE, calendar=calendar, last_round=last), NOW)
    assert (ahead[-1].what, ahead[-1].kind) == (What.ROUND_OPENS, RoundKind.SURVEY)


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (cycle(Stage.SCHEDULED, starts_at=NOW + DAY), What.STARTS),
        (cycle(Stage.REVIEW), What.APPROVAL_REMINDER),
        (cycle(Stage.REVIEW, stage_changed_at=NOW - 4.5 * DAY), What.APPROVAL_ESCALATED),
        (cycle(Stage.REVIEW, stage_changed_at=NOW - 6 * DAY), None),
        (cycle(Stage.MATCHING), None),
        (cycle(Stage.SCHEDULED, starts_at=NOW + DAY, paused=True), None),
        (cycle(Stage.SCHEDULED, starts_at=NOW + DAY, cancellation_requested_at=NOW), None),
    ],
)
def test_the_next_of_a_cycle_follows_its_stage(found: Cycle, what: What | None) -> None:
    following = next_of_cycle(found, NOW)
    assert (following.what if following else None) == what


def test_what_is_most_urgent_comes_first() -> None:
    review, kickoff, active = cycle(Stage.REVIEW), cycle(Stage.KICKOFF), cycle(Stage.ACTIVE)
    early, late = concern(active, HOUR), concern(active, 2 * HOUR)
    told = concern(active, 4 * DAY, ConcernRung.SPONSOR)
    failing = endpoint(EndpointState.ENABLED, failing=NOW - DAY)
    off = endpoint(EndpointState.DISABLED, DisableReason.FAILING)
    fine = (endpoint(EndpointState.ENABLED), endpoint(EndpointState.DISABLED, DisableReason.ADMIN))
    runs = [MatchRun(state=state, pairs_count=1, created_at=NOW) for state in MatchRunState]
    found = Found(
        Cycles(items=(active, kickoff, review)),
        concerns=Concerns(items=(early, late, told), total=3),
        names={late.person_id: "Ana"} if late.person_id else {},
        failed=Messages(items=(Message(due_at=NOW - DAY), Message(due_at=NOW - 15 * DAY))),
        waiting=Messages(
            items=(Message(due_at=NOW - HOUR, waiting_for="mail_server"), Message(due_at=NOW, waiting_for="its_turn"))
        ),
        endpoints=Endpoints(items=(failing, *fine, off)),
        runs={kickoff.id: MatchRuns(items=tuple(runs)), active.id: MatchRuns(items=tuple(runs))},
    )
    tasks = home_of(found, NOW).tasks
    assert [task.kind for task in tasks] == [
        Kind.APPROVAL, Kind.REPLACEMENT, Kind.MAIL_AWAY, Kind.CONCERN, Kind.CONCERN, Kind.CONCERN,
        Kind.FAILED_MESSAGES, Kind.ENDPOINT_DISABLED, Kind.ENDPOINT_FAILING,
    ]  # fmt: skip
    assert [task.concern for task in tasks if task.concern] == [told, late, early]
    assert [task.name for task in tasks if task.concern] == ["", "Ana", ""]
    assert [(task.number, task.more) for task in tasks if task.number] == [(1, False), (1, False)]
    assert tasks[-1].name == "bi.example.org", "the address itself may hold a secret"


def test_keys_that_expire_within_14_days_and_are_not_replaced_are_told_together() -> None:
    keys = [
        AccessKey(label="later", expires_at=NOW + 13 * DAY),
        AccessKey(label="first", expires_at=NOW + 2 * DAY),
        AccessKey(label="replaced", expires_at=NOW + DAY, replaced_by="x"),
        AccessKey(label="not yet", expires_at=NOW + 15 * DAY),
        AccessKey(label="never"),
    ]
    (task,) = home_of(Found(Cycles(), keys=AccessKeys(items=tuple(keys))), NOW).tasks
    assert (task.kind, task.name, task.until, task.number) == (Kind.KEYS_END, "first", NOW + 2 * DAY, 2)
    assert home_of(Found(Cycles(), keys=AccessKeys(items=tuple(keys[2:]))), NOW).tasks == ()


def test_a_mail_server_that_refuses_everybody_is_told_as_one_that_is_away() -> None:
    waiting = Messages(items=(Message(due_at=NOW - HOUR, waiting_for="server_refuses"),))
    assert [task.kind for task in home_of(Found(Cycles(), Programs(), waiting=waiting), NOW).tasks] == [Kind.MAIL_AWAY]


def test_many_concerns_are_counted_and_not_listed() -> None:
    active = cycle(Stage.ACTIVE)
    many = Concerns(items=tuple(concern(active, HOUR) for _ in range(12)), total=130)
    tasks = home_of(Found(Cycles(items=(active,)), concerns=many), NOW).tasks
    assert (len(tasks), tasks[-1].kind, tasks[-1].number) == (9, Kind.MORE_CONCERNS, 122)


def test_soon_are_the_next_14_days_in_their_order() -> None:
    starts = [cycle(Stage.SCHEDULED, starts_at=NOW + days * DAY) for days in (15, 13, -1)]
    recurs = [
        Program(id=uuid4(), name="p", time_zone="UTC", next_recurrence_at=at)
        for at in (NOW + DAY, NOW + 90 * DAY, None)
    ]
    home = home_of(Found(Cycles(items=tuple(starts)), Programs(items=tuple(recurs))), NOW)
    assert [(one.what, one.at - NOW) for one in home.soon] == [(What.RECURS, DAY), (What.STARTS, 13 * DAY)]
    assert home.zone is None, "Berlin and UTC"
    assert home_of(Found(Cycles(items=tuple(starts))), NOW).zone == "Europe/Berlin"


def test_the_first_steps_go_one_after_the_other() -> None:
    assert [FirstSteps(people, programs, None).current for people, programs in ((0, 0), (9, 0), (9, 1), (0, 1))] == [
        *(1, 2, 3),
        1,
    ]
