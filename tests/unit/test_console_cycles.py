"""What the pages of a cycle and of concerns say, without their HTML."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.console.admin.concerns.view import Concern, history_of, told_of
from services.console.admin.cycles.controls import ROLES, Action, Counts, actions_of, consequences, seen_of
from services.console.admin.cycles.history import NAMES, SAYINGS, lines_of
from services.console.admin.cycles.resources import (
    CloudEvent,
    Cycle,
    FailedMessage,
    MatchRun,
    MessageCount,
    Messages,
    Pair,
    Person,
)
from services.console.admin.cycles.view import (
    PROGRESS,
    advice_code,
    awaiting_approval,
    entered_at,
    expected,
    live_round,
    message_figures,
    steps_of,
)
from shared.attention.calendar import Step, next_of_matter
from shared.contracts.accounts import Role
from shared.contracts.events import CATALOGUE
from shared.contracts.matching import EndReason, MatchRunState, PairState
from shared.contracts.overview import overview_after
from shared.contracts.programs import Calendar, Direction, LadderPlan, Stage
from shared.contracts.rounds import RoundCounts, RoundKind, RoundState
from shared.language.words import words_of

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
EN = words_of("en")
ADA = Person(id=uuid4(), name="Ada Stone")


def a_round(kind: RoundKind, number: int = 1, state: RoundState = RoundState.OPEN, **changes: Any) -> RoundCounts:
    return RoundCounts(
        **{
            "id": uuid4(),
            "kind": kind,
            "number": number,
            "state": state,
            "opened_at": NOW - 2 * DAY,
            "closes_at": NOW + 3 * DAY,
            "recipients": 10,
            "answered": 6,
            "pending": 4,
            **changes,
        }
    )


def a_cycle(stage: Stage, *rounds: RoundCounts, **changes: Any) -> Cycle:
    return Cycle(
        **{
            "id": uuid4(),
            "program_id": uuid4(),
            "period": "2027-Q1",
            "stage": stage,
            "paused": False,
            "direction": Direction.REVERSE,
            "requested_at": NOW - 9 * DAY,
            "starts_at": NOW - 9 * DAY,
            "stage_changed_at": NOW - DAY,
            "calendar": Calendar(),
            "rounds": rounds,
            "enrolled": 40,
            **changes,
        }
    )


def told(action: Action, cycle: Cycle, pending: int | None = None, directory: int = 0, concerns: int = 0) -> str:
    pairs = {PairState.ACTIVE: 17, PairState.OFFERED: 2}
    counts = Counts(pairs, pending, directory, concerns)
    return " ".join(consequences(action, cycle, counts, EN, "UTC", NOW).sentences)


def test_the_line_of_stages_says_when_each_began_and_when_the_next_will() -> None:
    enrolment = a_round(RoundKind.ENROLMENT)
    cycle = a_cycle(Stage.INTAKE, enrolment)
    steps = {step.stage: step for step in steps_of(cycle, entered_at(cycle, ()), NOW)}
    assert [steps[stage].state for stage in (Stage.SCHEDULED, Stage.INTAKE, Stage.MATCHING)] == [
        "done", "current", "ahead",
    ]  # fmt: skip
    assert steps[Stage.SCHEDULED].at == cycle.requested_at
    assert (steps[Stage.MATCHING].at, steps[Stage.MATCHING].expected) == (enrolment.closes_at, True)
    assert steps[Stage.KICKOFF].at is None, "nobody knows when the matches will be approved"
    paused = a_cycle(Stage.INTAKE, enrolment, paused=True)
    assert {step.at for step in steps_of(paused, {}, NOW) if step.state == "ahead"} == {None}


def test_every_stage_of_a_completed_cycle_is_done_and_a_cancelled_one_shows_how_far_it_came() -> None:
    completed, cancelled = a_cycle(Stage.COMPLETED), a_cycle(Stage.CANCELLED)
    assert {step.state for step in steps_of(completed, {}, NOW)} == {"done"}
    event = CloudEvent(type="app.upward.cycle.stage_changed.v1", subject="cycle/1", time=NOW, data={"stage": "intake"})
    states = {step.stage: step.state for step in steps_of(cancelled, entered_at(cancelled, [event]), NOW)}
    assert (states[Stage.INTAKE], states[Stage.MATCHING]) == ("done", "ahead")
    assert len(PROGRESS) == len(Stage) - 1


def test_the_end_is_counted_from_the_check_ins_that_are_left() -> None:
    """By default there are five, one every 14 days, open for five; then a survey of seven days."""
    fresh = a_cycle(Stage.ACTIVE, stage_changed_at=NOW)
    assert expected(fresh, NOW)[Stage.CLOSING] == NOW + 75 * DAY
    assert expected(fresh, NOW)[Stage.COMPLETED] == NOW + 82 * DAY
    third = a_cycle(Stage.ACTIVE, a_round(RoundKind.CHECK_IN, 3))
    assert expected(third, NOW)[Stage.CLOSING] == NOW - 2 * DAY + 33 * DAY
    last = a_cycle(Stage.ACTIVE, a_round(RoundKind.CHECK_IN, 5))
    assert expected(last, NOW)[Stage.CLOSING] == NOW + 3 * DAY
    kickoff = a_cycle(Stage.KICKOFF, a_round(RoundKind.ACCEPTANCE))
    assert expected(kickoff, NOW)[Stage.ACTIVE] == NOW + 3 * DAY


def test_the_open_round_tells_what_was_not_delivered_and_when_people_may_be_reminded_again() -> None:
    counts = (
        MessageCount(template="enrolment_invitation", state="failed", messages=2),
        MessageCount(template="enrolment_reminder", state="waiting", messages=5),
        MessageCount(template="kickoff", state="failed", messages=9),
    )
    messages = Messages(counts=counts)
    cycle = a_cycle(Stage.INTAKE, a_round(RoundKind.ENROLMENT, told_at=NOW - timedelta(hours=3)))
    live = live_round(cycle, messages, NOW)
    assert live is not None
    assert (live.undelivered, live.waiting, live.names) == (2, 5, True)
    assert live.remind_from == NOW + timedelta(hours=21)
    check_in = live_round(a_cycle(Stage.ACTIVE, a_round(RoundKind.CHECK_IN)), messages, NOW)
    assert check_in is not None
    assert (check_in.names, check_in.remind_from) == (False, None)
    assert live_round(a_cycle(Stage.REVIEW), messages, NOW) is None
    assert message_figures(messages) == (0, 5, 11)


def test_a_run_waits_for_approval_only_in_a_cycle_that_goes_on() -> None:
    run = MatchRun(id=uuid4(), state=MatchRunState.PROPOSED, pairs_count=3)
    approved = run.model_copy(update={"id": uuid4(), "state": MatchRunState.APPROVED})
    assert awaiting_approval(a_cycle(Stage.REVIEW), [approved, run]) == run
    assert awaiting_approval(a_cycle(Stage.REVIEW), [approved]) is None
    assert awaiting_approval(a_cycle(Stage.CANCELLED), [run]) is None


def test_what_can_be_done_follows_from_how_the_cycle_stands() -> None:
    assert actions_of(a_cycle(Stage.INTAKE, a_round(RoundKind.ENROLMENT))) == (
        Action.REMIND, Action.ADVANCE, Action.PAUSE, Action.CANCEL,
    )  # fmt: skip
    assert actions_of(a_cycle(Stage.REVIEW)) == (Action.PAUSE, Action.CANCEL)
    assert actions_of(a_cycle(Stage.SCHEDULED)) == (Action.ADVANCE, Action.PAUSE, Action.CANCEL)
    assert actions_of(a_cycle(Stage.ACTIVE, paused=True)) == (Action.RESUME, Action.CANCEL)
    assert (
        actions_of(a_cycle(Stage.COMPLETED)) == actions_of(a_cycle(Stage.ACTIVE, cancellation_requested_at=NOW)) == ()
    )
    assert {action for action in Action if ROLES[action] is Role.ADMIN} == {Action.CANCEL}


def test_each_action_says_to_how_many_it_happens() -> None:
    enrolment = a_cycle(Stage.INTAKE, a_round(RoundKind.ENROLMENT))
    assert "4 people have not answered and do not take part." in told(Action.ADVANCE, enrolment, 4)
    assert "pairs are proposed for the 40 people" in told(Action.ADVANCE, enrolment, 4)
    acceptance = a_cycle(Stage.KICKOFF, a_round(RoundKind.ACCEPTANCE))
    assert "2 offered pairs that lack an answer are declined." in told(Action.ADVANCE, acceptance, 3)
    scheduled = a_cycle(Stage.SCHEDULED, starts_at=NOW + 5 * DAY)
    assert "120 people of the directory are asked to enrol." in told(Action.ADVANCE, scheduled, directory=120)
    survey = a_cycle(Stage.CLOSING, a_round(RoundKind.SURVEY))
    assert "4 answers are still missing. Then 17 active pairs are completed" in told(Action.ADVANCE, survey)
    cancel = told(Action.CANCEL, enrolment, 4, concerns=1)
    for part in (
        "17 active pairs are ended.",
        "2 offered pairs",
        "40 people",
        "4 people who are still asked",
        "1 open",
    ):
        assert part in cancel
    assert "4 are missing" in told(Action.PAUSE, enrolment)
    assert "2 open concerns are not escalated" in told(Action.PAUSE, enrolment, concerns=2)


def test_of_a_check_in_missing_answers_are_counted_and_not_people() -> None:
    check_in = a_cycle(Stage.ACTIVE, a_round(RoundKind.CHECK_IN, 2))
    assert "who has not answered Check-in 2 gets one reminder: 4 answers are missing." in told(Action.REMIND, check_in)
    enrolment = a_cycle(Stage.INTAKE, a_round(RoundKind.ENROLMENT))
    assert "4 people who have not answered Enrolment 1 get one reminder each." in told(Action.REMIND, enrolment, 4)


def test_nobody_is_reminded_twice_within_a_day_or_after_everybody_has_answered() -> None:
    recently = a_cycle(Stage.INTAKE, a_round(RoundKind.ENROLMENT, told_at=NOW - timedelta(hours=23)))
    refused = consequences(Action.REMIND, recently, Counts({}, 4), EN, "UTC", NOW)
    assert not refused.possible
    assert "You can remind them from Monday, 1 March 2027, 10:00 (UTC) on." in refused.sentences
    answered = a_cycle(Stage.INTAKE, a_round(RoundKind.ENROLMENT, pending=0))
    assert consequences(Action.REMIND, answered, Counts({}, 0), EN, "UTC", NOW).sentences == (
        "Everybody has answered.",
    )


@pytest.mark.parametrize("action", Action)
def test_what_cannot_be_done_says_why(action: Action) -> None:
    refused = consequences(action, a_cycle(Stage.COMPLETED), Counts({}), EN, "UTC", NOW)
    assert (refused.possible, refused.sentences) == (
        False, ("This cycle has ended; it cannot be changed any more.",),
    )  # fmt: skip


def test_a_confirmation_is_about_the_stage_the_pause_and_the_round_that_were_shown() -> None:
    one, other = a_round(RoundKind.CHECK_IN, 1), a_round(RoundKind.CHECK_IN, 2)
    seen = {
        seen_of(a_cycle(Stage.ACTIVE, one)),
        seen_of(a_cycle(Stage.ACTIVE, other)),
        seen_of(a_cycle(Stage.ACTIVE, one, paused=True)),
        seen_of(a_cycle(Stage.ACTIVE)),
    }
    assert len(seen) == 4


def test_the_history_has_words_for_every_event_of_a_cycle() -> None:
    of_cycles = {name for name, model in CATALOGUE.items() if "cycle_id" in model.model_fields}
    assert set(NAMES) == set(SAYINGS) == of_cycles


def test_the_history_tells_of_people_by_name_and_of_concerns_without_them() -> None:
    concern = uuid4()

    def event(name: str, **data: Any) -> CloudEvent:
        return CloudEvent(type=f"app.upward.{name}.v1", subject="x", time=NOW, data=data)

    pair = {"mentor_id": str(ADA.id), "mentee_id": str(uuid4())}
    events = [
        event("round.closed", kind="check_in", reason="deadline", answered=6, recipients=10),
        event("pair.activated", **pair),
        event("concern.raised", concern_id=str(concern), reason="not_told"),
        event("match_run.proposed", pairs=1, unmatched=2, revision=3),
        event("message.failed", person_id=str(UUID(int=0))),
        event("cycle.completed", outcome="nobody_enrolled"),
        event("newer.fact"),
    ]
    lines = lines_of(events, {ADA.id: ADA}, EN)
    assert [line.text for line in lines] == [
        "Check-in closed (deadline reached): 6 of 10 answered.",
        "Ada Stone and somebody both accepted.",
        "A concern was raised about a pair.",
        "The matches were changed: 1 pair is proposed, 2 people have none.",
        "A message to somebody failed.",
        "The cycle ended early, because nobody enrolled.",
    ]
    assert [line.address for line in lines if line.address] == [f"/console/concerns/{concern}"]


def test_a_refused_address_and_another_failure_get_advice() -> None:
    failed = FailedMessage(id=uuid4(), person_id=ADA.id, template="kickoff", code="smtp_550")
    assert advice_code(failed) == "smtp"
    assert advice_code(failed.model_copy(update={"code": "invalid_address"})) == "invalid_address"


def a_concern(**changes: Any) -> Concern:
    return Concern(
        **{
            "id": uuid4(),
            "cycle_id": uuid4(),
            "round_id": uuid4(),
            "pair_id": uuid4(),
            "state": "open",
            "raised_at": NOW - timedelta(hours=30),
            **changes,
        }
    )


def test_a_concern_says_what_comes_next_on_its_ladder() -> None:
    calendar = Calendar(concern=LadderPlan(remind_every=DAY, escalate_after=3 * DAY))
    raised = NOW - timedelta(hours=30)
    told = a_concern(rung="coordinator", escalated_at=raised)
    assert next_of_matter(told, calendar, "UTC", False, NOW) == (Step.REMINDER, raised + 2 * DAY)
    later = next_of_matter(told, calendar, "UTC", False, NOW + DAY)
    assert later == (Step.SPONSOR, raised + 3 * DAY)
    assert next_of_matter(told, calendar, "UTC", True, NOW) == (Step.STANDS_STILL, None)
    sponsor = a_concern(rung="sponsor", escalated_at=NOW)
    assert next_of_matter(sponsor, calendar, "UTC", False, NOW) == (Step.SPONSOR_TOLD, NOW)


def test_silence_is_told_on_monday_and_then_to_the_sponsor_and_not_a_fit_at_once() -> None:
    calendar = Calendar(concern=LadderPlan(remind_every=DAY, escalate_after=3 * DAY))
    silence = a_concern(reason="missed_check_ins")
    monday = overview_after(silence.raised_at)
    assert next_of_matter(silence, calendar, "UTC", False, silence.raised_at) == (Step.OVERVIEW, monday)
    late = monday + timedelta(hours=1)
    assert next_of_matter(silence, calendar, "UTC", False, late) == (Step.OVERVIEW, monday + 7 * DAY), "after a pause"
    told = a_concern(reason="missed_check_ins", rung="coordinator", escalated_at=monday)
    assert next_of_matter(told, calendar, "UTC", False, monday + DAY) == (Step.SPONSOR, monday + 3 * DAY)
    not_a_fit, any_hour = a_concern(reason="not_a_fit"), calendar.model_copy(update={"sending_hours": None})
    for concern, of in ((not_a_fit, calendar), (silence, any_hour)):
        found = next_of_matter(concern, of, "UTC", False, concern.raised_at)
        assert found == (Step.REMINDER, concern.raised_at + DAY)


def test_a_concern_tells_who_was_told_also_when_its_events_are_not_kept_any_more() -> None:
    concern = a_concern(rung="coordinator", escalated_at=NOW - DAY, resolved_at=NOW, resolved_by="key")
    said = [one.text for one in told_of(concern, (), EN)]
    assert said == ["The concern was raised.", "The coordinators were told.", "It was resolved."]
    event = CloudEvent(
        type="app.upward.concern.escalated.v1", subject="x", time=NOW - DAY,
        data={"concern_id": str(concern.id), "rung": "coordinator"},
    )  # fmt: skip
    assert [one.text for one in told_of(concern, [event], EN)] == said
    other = event.model_copy(update={"data": {"concern_id": str(uuid4()), "rung": "sponsor"}})
    assert [one.text for one in told_of(concern, [event, other], EN)] == said


def test_the_history_of_a_pair_is_in_the_order_of_time_and_says_why_it_ended() -> None:
    pair = Pair(
        id=uuid4(), cycle_id=uuid4(), mentor_id=uuid4(), mentee_id=uuid4(), state=PairState.ENDED,
        proposed_at=NOW - 9 * DAY, activated_at=NOW - 8 * DAY, ended_at=NOW, end_reason=EndReason.NO_TIME,
    )  # fmt: skip
    texts = [one.text for one in history_of(pair, [a_concern()], EN)]
    assert texts == [
        "The pair was proposed.", "The pair became active.", "A concern was raised.", "The pair ended: no time.",
    ]  # fmt: skip
