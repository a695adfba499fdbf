"""A cycle whose workflow was lost begins again where the rows say: at its stage, with its deadlines, telling nothing
twice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.feedback import ConcernRung
from shared.contracts.notifications import Announcement, Audience, Template
from shared.contracts.programs import Outcome, Pause, Stage
from shared.contracts.recovery.facts import AnnouncementStanding, CycleStanding, OffersStanding, RoundStanding
from shared.contracts.rounds import CloseReason
from shared.temporal import activity_methods
from tests.fakes import DAY, START
from tests.workflows.simulated import FAKES, SimulatedCycle
from tests.workflows.simulator import Execution, Moment, Simulation
from tests.workflows.test_signals import ALL_ROUNDS, ALL_STAGES
from workflows.registry import WORKFLOWS
from workflows.states.concern_state import Concern, RebuiltMatter
from workflows.states.cycle_state import CycleState

HOUR = DAY / 24
Until = Callable[["Watched", Moment], bool]


@dataclass
class Watched:
    """A cycle, and when its rows were written."""

    cycle: SimulatedCycle = field(default_factory=SimulatedCycle)
    stage_at: datetime = START - 3 * DAY
    opened_at: dict[UUID, datetime] = field(default_factory=dict)
    closed_at: dict[UUID, datetime] = field(default_factory=dict)
    paused_at: datetime | None = None
    pauses: list[Pause] = field(default_factory=list)
    _stages: int = 0

    @property
    def now(self) -> datetime:
        return self.cycle.simulation.now

    def play(self, until: Until = lambda watched, moment: False) -> None:
        for moment in self.cycle.simulation.moments():
            ledger = self.cycle.ledger
            if len(ledger.stages) > self._stages:
                self._stages, self.stage_at = len(ledger.stages), self.now
            for opened in ledger.opened:
                self.opened_at.setdefault(opened.round_id, self.now)
            for closed in ledger.closed:
                self.closed_at.setdefault(closed.round_id, self.now)
            if until(self, moment):
                return

    def play_for(self, duration: timedelta, stage: str) -> None:
        """Lets the cycle come to the stage and so much further."""
        self.play(lambda watched, moment: watched.is_in(stage) and moment.written)
        end = self.now + duration
        self.play(lambda watched, moment: watched.now >= end)

    def is_in(self, stage: str) -> bool:
        return self.cycle.ledger.stages[-1:] == [stage]

    def lose(self, outage: timedelta = timedelta(0), **standing: Any) -> None:
        """Temporal's database is lost with all workflows. After the outage the cycle begins again."""
        ledger = self.cycle.ledger
        deadlines = {one.round_id: one.closes_at for one in ledger.opened}
        deadlines |= {one.round_id: one.closes_at for one in ledger.extended}
        open_rounds = self.cycle.open_rounds()
        self.cycle.simulation.close()
        ledger.standing = CycleStanding(
            stage=ledger.stages[-1] if ledger.stages else Stage.SCHEDULED,
            since=self.stage_at,
            pauses=tuple(self.pauses),
            paused_at=self.paused_at,
            rounds=tuple(
                RoundStanding(
                    id=one.round_id,
                    kind=one.kind,
                    number=one.number,
                    open=one.round_id in open_rounds,
                    opened_at=self.opened_at[one.round_id],
                    closes_at=deadlines[one.round_id],
                )
                for one in ledger.opened
            ),
        ).model_copy(update=standing)
        approved = ledger.run_ids if self.cycle.sequence else []
        attempts = tuple(range(1, len(approved) + 1))
        ledger.offers = OffersStanding(approved=tuple(approved), attempts=attempts, attempt=max(attempts, default=1))
        ledger.unfinished = [
            AnnouncementStanding(announcement=one, unfinished=False)
            for one in ledger.announced
            if one.scope_id in open_rounds
        ]
        activities = [method for fake in FAKES for method in activity_methods(fake(ledger))]
        self.cycle.simulation = Simulation(WORKFLOWS, activities, start=self.now + outage)
        ref = {"organization_id": ledger.organization_id, "cycle_id": ledger.cycle_id}
        self.cycle.simulation.start("CycleWorkflow", CycleState(**ref, rebuilt=True), self.cycle.id)

    def deadlines(self) -> list[float]:
        """When each round closed, in hours."""
        opened = [one.round_id for one in self.cycle.ledger.opened]
        return [round((self.closed_at[one] - START) / HOUR) for one in opened]

    def said(self) -> list[tuple[str, str, int]]:
        """What was announced in all, each once: about what, which message and which repeat of it."""
        ledger = self.cycle.ledger
        rounds = {one.round_id: f"{one.kind} {one.number}" for one in ledger.opened}
        told = {(rounds.get(one.scope_id, "cycle"), one.template.value, one.occurrence) for one in ledger.announced}
        return sorted(told)


@pytest.fixture(scope="module")
def undisturbed() -> Watched:
    watched = Watched()
    watched.play()
    return watched


MOMENTS = {
    "scheduled": lambda watched: watched.play(lambda watched, moment: True),
    "intake": lambda watched: watched.play_for(8 * DAY, "intake"),
    "matching": lambda watched: watched.play_for(timedelta(0), "matching"),
    "kickoff": lambda watched: watched.play_for(4 * DAY, "kickoff"),
    "before a check-in": lambda watched: watched.play_for(DAY, "active"),
    "in a check-in": lambda watched: watched.play_for(16 * DAY, "active"),
    "between check-ins": lambda watched: watched.play_for(20 * DAY, "active"),
    "closing": lambda watched: watched.play_for(4 * DAY, "closing"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_lost_cycle_goes_on_as_if_nothing_had_happened(moment: str, undisturbed: Watched) -> None:
    watched = Watched()
    MOMENTS[moment](watched)
    assert not watched.cycle.is_over
    watched.lose()
    watched.play()
    cycle = watched.cycle
    assert cycle.last.result.outcome is Outcome.COMPLETED
    assert (cycle.ledger.stages, cycle.asked()) == (ALL_STAGES, ALL_ROUNDS)
    assert watched.deadlines() == undisturbed.deadlines()
    assert watched.said() == undisturbed.said()
    assert cycle.last.result.rebuilt is False


def test_an_approval_is_waited_for_since_the_stage_began(undisturbed: Watched) -> None:
    """Two days after its beginning the first reminder comes, whenever the workflow was lost."""
    watched = Watched()
    del watched.cycle.ledger.at_stage[Stage.REVIEW]
    watched.play_for(DAY, "review")
    began = watched.stage_at
    watched.lose()
    watched.play(lambda watched, moment: Template.APPROVAL_REMINDER in watched.cycle.ledger.templates())
    assert abs(watched.now - began - 2 * DAY) < HOUR
    watched.cycle.approve()
    watched.play()
    assert watched.cycle.last.result.outcome is Outcome.COMPLETED


def test_what_came_due_while_the_workflow_was_lost_is_told_once_and_not_for_each_day() -> None:
    watched = Watched()
    watched.play_for(timedelta(0), "intake")
    watched.play(lambda watched, moment: bool(watched.opened_at) and moment.what == "deliver_messages")
    watched.cycle.simulation.run(longest=5 * DAY)
    watched.lose(outage=8 * DAY)  # reminders come after seven and after twelve days
    watched.play(lambda watched, moment: not watched.cycle.open_rounds())
    reminders = [
        one.occurrence for one in watched.cycle.ledger.announced if one.template is Template.ENROLMENT_REMINDER
    ]
    assert reminders == [2]
    review = Watched()
    del review.cycle.ledger.at_stage[Stage.REVIEW]
    review.play_for(timedelta(0), "review")
    review.cycle.simulation.run(longest=DAY)
    review.lose(outage=7 * DAY)
    before = len(review.cycle.ledger.announced)
    review.play(lambda review, moment: moment.what == "deliver_messages" and moment.written)
    assert [one.template for one in review.cycle.ledger.announced[before:]] == [Template.APPROVAL_ESCALATED]


def test_a_lost_cycle_that_is_paused_stays_paused_and_moves_by_the_whole_pause() -> None:
    watched = Watched()
    watched.play_for(3 * DAY, "intake")
    watched.cycle.signal("pause")
    watched.paused_at = watched.now
    watched.play(lambda watched, moment: watched.now >= watched.paused_at + DAY if watched.paused_at else True)
    watched.lose(outage=2 * DAY)
    watched.play()
    assert not watched.cycle.is_over
    assert watched.cycle.open_rounds(), "it waits for its resumption"
    paused_for = watched.now - (watched.paused_at or watched.now)
    watched.cycle.signal("resume")
    watched.play(lambda watched, moment: not watched.cycle.open_rounds())
    opened = watched.cycle.ledger.opened[0]
    length = watched.cycle.ledger.calendar.enrolment.length
    assert abs(watched.closed_at[opened.round_id] - watched.opened_at[opened.round_id] - length - paused_for) < HOUR


def test_a_pause_that_was_over_before_counts_once() -> None:
    watched = Watched()
    watched.play_for(3 * DAY, "intake")
    begun = watched.now
    watched.cycle.signal("pause")
    watched.cycle.simulation.run(longest=2 * DAY)
    watched.cycle.signal("resume")
    watched.pauses.append(Pause(begins_at=begun, ends_at=watched.now))
    watched.play(lambda watched, moment: moment.what == "extend_round" and moment.written)
    watched.lose()
    watched.play(lambda watched, moment: not watched.cycle.open_rounds())
    [opened] = watched.cycle.ledger.opened
    lasted = watched.closed_at[opened.round_id] - watched.opened_at[opened.round_id]
    assert abs(lasted - watched.cycle.ledger.calendar.enrolment.length - (watched.pauses[0].ends_at - begun)) < HOUR


def test_a_lost_cycle_that_was_to_be_cancelled_closes_its_round_and_ends() -> None:
    watched = Watched()
    watched.play_for(3 * DAY, "intake")
    watched.lose(cancelling=True)
    watched.play()
    assert watched.cycle.last.result.outcome is Outcome.CANCELLED
    assert len(watched.cycle.reasons(CloseReason.CANCELLED)) == 1
    assert watched.cycle.ledger.stages == [Stage.INTAKE, Stage.CANCELLED]


def test_a_round_that_an_admin_wanted_to_close_and_one_that_all_have_answered_close_at_once() -> None:
    for reason in (CloseReason.ADVANCED, CloseReason.ANSWERED):
        watched = Watched()
        watched.play_for(3 * DAY, "intake")
        if reason is CloseReason.ADVANCED:
            watched.lose(advanced=watched.cycle.open_rounds()[0])
        else:
            watched.cycle.ledger.pending = 0
            watched.lose()
        began = watched.now
        watched.play(lambda watched, moment: not watched.cycle.open_rounds())
        assert watched.now - began < HOUR
        assert len(watched.cycle.reasons(reason)) == 1


def test_what_is_heard_while_the_rows_are_read_is_not_lost() -> None:
    """The pause is written after the rows were read, and its signal comes before the workflow hears what they said."""
    watched = Watched()
    watched.play_for(3 * DAY, "intake")
    watched.lose()
    asked = 0
    for moment in watched.cycle.simulation.moments():
        if moment.what == "read_standing" and moment.written:
            asked += 1
            if asked == 1:
                watched.cycle.ledger.standing = watched.cycle.ledger.standing.model_copy(
                    update={"paused_at": watched.now}
                )
                watched.cycle.signal("pause")
    assert asked == 2
    assert not watched.cycle.is_over
    assert watched.cycle.open_rounds()


def test_a_message_that_waits_is_delivered_and_follows_the_pause() -> None:
    watched = Watched()
    watched.play_for(DAY, "active")
    cycle = watched.cycle
    kickoff = next(one for one in cycle.ledger.announced if one.template is Template.KICKOFF)
    watched.lose()
    cycle.ledger.unfinished = [AnnouncementStanding(announcement=kickoff, unfinished=True)]
    cycle.ledger.delivered.clear()
    watched.play(lambda watched, moment: kickoff.id in cycle.ledger.delivered)
    assert cycle.ledger.delivered == [kickoff.id]


def lost_while_paused(stage: str, template: str) -> tuple[Watched, Announcement]:
    """A paused cycle whose workflows are lost, and the announcement of it that was not finished."""
    watched = Watched()
    watched.play_for(DAY, stage)
    watched.cycle.signal("pause")
    watched.paused_at = watched.now
    ledger = watched.cycle.ledger
    waits = next(one for one in ledger.announced if one.template == template)
    watched.lose()
    ledger.unfinished = [AnnouncementStanding(announcement=waits, unfinished=True)]
    ledger.delivered.clear()
    return watched, waits


@pytest.mark.parametrize(("stage", "template"), [("intake", "enrolment_invitation"), ("active", "kickoff")])
def test_a_paused_cycle_that_begins_again_sends_nothing_even_before_its_announcements_hear_of_the_pause(
    stage: str, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, waits = lost_while_paused(stage, template)
    cycle = watched.cycle
    signal = cycle.simulation._signal

    def lose_pauses(workflow_id: str, name: str, arguments: Any) -> bool:
        return (name == "pause" and workflow_id.startswith("announcement-")) or signal(workflow_id, name, arguments)

    monkeypatch.setattr(cycle.simulation, "_signal", lose_pauses)
    cycle.simulation.run(longest=DAY)
    assert f"announcement-{waits.id}" in cycle.simulation.running
    assert cycle.ledger.delivered == []
    cycle.signal("resume")
    watched.play(lambda watched, moment: waits.id in cycle.ledger.delivered)
    assert cycle.ledger.delivered == [waits.id]
    assert not any(one.paused for one in cycle.ledger.announced), "what is stored does not know of the pause"


@pytest.mark.parametrize(("stage", "template"), [("intake", "enrolment_invitation"), ("active", "kickoff")])
def test_an_announcement_that_is_started_while_its_cycle_goes_on_again_goes_on_too(
    stage: str, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was started as paused, and the pause was over before anybody knew that it runs."""
    watched, waits = lost_while_paused(stage, template)
    cycle = watched.cycle
    start = cycle.simulation._on_start_child_workflow_execution

    def resume_first(execution: Execution, command: Any) -> None:
        if command.workflow_id == f"announcement-{waits.id}":
            parent = cycle.simulation
            (cycle.signal if execution.id == cycle.id else partial(parent.signal, execution.id))("resume")
        start(execution, command)

    monkeypatch.setattr(cycle.simulation, "_on_start_child_workflow_execution", resume_first)
    cycle.simulation.run(longest=DAY / 2)
    assert waits.id in cycle.ledger.delivered


@pytest.mark.parametrize(("days", "rungs"), [(0.5, ["coordinator"]), (1.5, ["coordinator"]), (5.0, ["sponsor"])])
def test_a_lost_concern_is_escalated_when_it_would_have_been(days: float, rungs: list[str]) -> None:
    cycle = SimulatedCycle()
    ref = {"organization_id": cycle.ledger.organization_id, "cycle_id": cycle.ledger.cycle_id}
    raised_at = cycle.simulation.now - days * DAY
    concern = Concern(**ref, concern_id=cycle.ledger.cycle_id, rebuilt=RebuiltMatter(since=raised_at))
    cycle.simulation.start("ConcernWorkflow", concern, f"concern-{concern.concern_id}")
    cycle.simulation.run(longest=HOUR)
    assert [one.rung for one in cycle.ledger.escalated] == [ConcernRung(rung) for rung in rungs]
    for moment in cycle.simulation.moments():
        if ConcernRung.SPONSOR in [one.rung for one in cycle.ledger.escalated] and moment.written:
            break
    if days < 3:
        assert abs(cycle.simulation.now - raised_at - 3 * DAY) < HOUR


def test_what_waits_of_a_lost_concern_is_told() -> None:
    cycle = SimulatedCycle()
    ref = {"organization_id": cycle.ledger.organization_id, "cycle_id": cycle.ledger.cycle_id}
    waits = Announcement(
        **ref,
        scope_id=cycle.ledger.cycle_id,
        template=Template.CONCERN_RAISED,
        audience=Audience.COORDINATORS,
    )
    rebuilt = RebuiltMatter(since=cycle.simulation.now - 1.5 * DAY, unfinished=(waits,))
    cycle.simulation.start(
        "ConcernWorkflow", Concern(**ref, concern_id=cycle.ledger.cycle_id, rebuilt=rebuilt), "concern-1"
    )
    cycle.simulation.run(longest=HOUR)
    assert cycle.ledger.delivered[0] == waits.id


def test_a_state_that_is_not_rebuilt_does_not_say_so() -> None:
    """So that a worker of the version before reads it."""
    cycle = SimulatedCycle()
    state = CycleState(organization_id=cycle.ledger.organization_id, cycle_id=cycle.ledger.cycle_id)
    assert "rebuilt" not in state.model_dump(mode="json")
