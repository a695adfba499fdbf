"""Whatever a cycle hears, in whatever moment: it means what it meant when it was said, and nothing is lost.

An advance that was heard while a stage was being recorded once closed the enrolment round of the next stage at its
opening. So every signal falls here in every moment of a cycle, by itself and with others.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from shared.contracts.programs import Outcome, Stage
from shared.contracts.rounds import CloseReason, RoundKind
from tests.fakes import DAY
from tests.unit.properties import FACTOR
from tests.workflows.simulated import SimulatedCycle
from tests.workflows.simulator import Moment
from workflows.states.cycle_state import LONGEST_HISTORY, RunApproved

ALL_STAGES = [stage for stage in Stage if stage not in (Stage.SCHEDULED, Stage.CANCELLED)]
ALL_ROUNDS = [
    (RoundKind.ENROLMENT, 1),
    (RoundKind.ACCEPTANCE, 1),
    (RoundKind.CHECK_IN, 1),
    (RoundKind.CHECK_IN, 2),
    (RoundKind.SURVEY, 1),
]
ENDINGS = (CloseReason.DEADLINE, CloseReason.ANSWERED)
SOME, FEW = (3, 7) if FACTOR == 1 else (1, 1)
"""Every third or seventh moment in `make test`, and each of them in `make long`. Both are odd, so that facts that are
not yet written take turns with those that are."""


@cache
def moments_of_a_cycle() -> tuple[int, ...]:
    """The numbers of all moments of a cycle and its rounds, each once: what happens for the second time in the same
    stage and round is left out, and so are the messages, of which nobody outside hears."""
    cycle, found = SimulatedCycle(), dict[object, int]()
    for number, (what, workflow_id, written) in enumerate(cycle.simulation.moments()):
        kind = workflow_id.partition("-")[0]
        if kind in ("cycle", "round"):
            found.setdefault((what, kind, written, len(cycle.ledger.stages), len(cycle.ledger.opened)), number)
    assert cycle.is_over
    cycle.simulation.close()
    return tuple(found.values())


def each_moment(
    say: Callable[[SimulatedCycle], Any], *, step: int = 1, **options: Any
) -> Iterator[tuple[int, Moment, SimulatedCycle]]:
    """A cycle for each moment, in which something is said then, at its end."""
    for at in moments_of_a_cycle()[::step]:
        cycle, said = SimulatedCycle(**options), None
        for number, moment in enumerate(cycle.simulation.moments()):
            if number == at and not cycle.is_over:
                said = moment
                say(cycle)
        if said is not None:
            yield at, said, cycle
        cycle.simulation.close()


def advanced_rightly(cycle: SimulatedCycle) -> bool:
    """Only rounds that an admin saw open were closed early, and the whole cycle took place."""
    return (
        set(cycle.reasons(CloseReason.ADVANCED)) <= set(cycle.wishes)
        and cycle.last.result.outcome is Outcome.COMPLETED
        and (cycle.ledger.stages, cycle.asked()) == (ALL_STAGES, ALL_ROUNDS)
    )


def test_a_cycle_that_nobody_disturbs_takes_place() -> None:
    cycle = SimulatedCycle()
    cycle.rest()
    assert advanced_rightly(cycle)
    assert set(cycle.reasons(CloseReason.DEADLINE)) == {found.round_id for found in cycle.ledger.opened}


def test_an_advance_ends_what_the_admin_saw_and_nothing_else_wherever_it_falls() -> None:
    advanced = set()
    for at, moment, cycle in each_moment(SimulatedCycle.advance):
        assert advanced_rightly(cycle), (at, moment, cycle.wishes)
        early = cycle.reasons(CloseReason.ADVANCED)
        advanced |= {found.kind for found in cycle.ledger.opened if found.round_id in early}
    assert advanced == {kind for kind, _ in ALL_ROUNDS}


def test_the_way_of_runs_that_began_before_shows_what_was_wrong() -> None:
    """Cycles in flight keep their way until they go on in a new run, so that the fault stays visible here."""
    wrong = {
        (moment.what, moment.written)
        for _, moment, cycle in islice(each_moment(SimulatedCycle.advance, unpatched=True), 8)
        if not advanced_rightly(cycle)
    }
    assert ("record_stage", False) in wrong


def test_an_advance_of_a_round_that_just_opened_is_never_lost() -> None:
    """The service takes it once. The cycle may hear it before it knows that the round runs."""
    cycle = SimulatedCycle()
    for moment in cycle.simulation.moments():
        if moment.what == "open_round" and moment.written:
            cycle.advance()
    assert cycle.reasons(CloseReason.ADVANCED) == [found.round_id for found in cycle.ledger.opened]
    assert advanced_rightly(cycle)


@pytest.mark.property
def test_a_cancellation_ends_the_cycle_and_closes_its_rounds_wherever_it_falls() -> None:
    for at, moment, cycle in each_moment(lambda cycle: cycle.signal("cancel"), step=SOME):
        ended = {Stage.CANCELLED: Outcome.CANCELLED, Stage.COMPLETED: Outcome.COMPLETED}
        assert cycle.last.result.outcome is ended[cycle.ledger.stages[-1]], (at, moment)
        assert cycle.open_rounds() == [], (at, moment)


@pytest.mark.property
def test_a_pause_stops_the_cycle_wherever_it_falls_and_a_resume_goes_on() -> None:
    for at, moment, cycle in each_moment(lambda cycle: cycle.signal("pause"), step=SOME):
        stages, asked = list(cycle.ledger.stages), cycle.asked()
        if not cycle.is_over:
            cycle.rest(100 * DAY)
            assert (cycle.ledger.stages, cycle.asked()) == (stages, asked), (at, moment)
            cycle.signal("resume")
            cycle.rest()
        assert advanced_rightly(cycle), (at, moment)


@pytest.mark.property
def test_everything_that_an_outsider_can_say_leaves_a_cycle_that_ends_as_it_should() -> None:
    sayings: list[Callable[[SimulatedCycle], Any]] = [
        SimulatedCycle.answer,
        SimulatedCycle.approve,
        lambda cycle: cycle.signal("resume"),
        lambda cycle: cycle.signal("decline"),
    ]
    for say in sayings:
        for at, moment, cycle in each_moment(say, step=FEW):
            assert cycle.ledger.stages == ALL_STAGES, (at, moment)
            assert set(ALL_ROUNDS) <= set(cycle.asked()), (at, moment)
            assert cycle.last.result.outcome is Outcome.COMPLETED, (at, moment)


@pytest.mark.parametrize("longest_history", [1, LONGEST_HISTORY], ids=["in-many-runs", "in-one-run"])
def test_whoever_loses_a_partner_before_the_offers_is_matched_again_also_by_a_later_run(longest_history: int) -> None:
    """An approval may drop pairs of people who have left, whose partners are free then."""
    cycle = SimulatedCycle(longest_history=longest_history)

    async def approve_and_drop_a_pair() -> None:
        approved = RunApproved(**cycle.heard(), match_run_id=cycle.ledger.run_ids[-1], attempt=1, dropped=1)
        cycle.signal("approve", approved)

    cycle.ledger.at_stage[Stage.REVIEW] = approve_and_drop_a_pair
    cycle.rest()
    assert [request.attempt for request in cycle.ledger.proposed] == [1, 2]
    assert len(cycle.simulation.ended[cycle.id]) == (1 if longest_history == LONGEST_HISTORY else 10)
    assert cycle.last.result.outcome is Outcome.COMPLETED


class SignalsInAnyMoment(RuleBasedStateMachine):
    """Admins and participants do anything at any moment of a cycle."""

    def __init__(self) -> None:
        super().__init__()
        self.cycle = SimulatedCycle()
        self.moments = self.cycle.simulation.moments()
        self.paused = self.cancelled = False

    @rule(moments=st.integers(1, 6))
    def go_on(self, moments: int) -> None:
        for _ in range(moments):
            if next(self.moments, None) is None:  # nothing was left to do before somebody said something
                self.moments = self.cycle.simulation.moments()

    @precondition(lambda self: not self.paused and not self.cancelled)
    @rule()
    def advance(self) -> None:
        self.cycle.advance()

    @precondition(lambda self: not self.cancelled)
    @rule()
    def pause_or_resume(self) -> None:
        self.paused = not self.paused
        self.cycle.signal("pause" if self.paused else "resume")

    @precondition(lambda self: not self.cancelled)
    @rule(really=st.integers(0, 4))
    def cancel(self, really: int) -> None:
        if really == 4:
            self.cancelled = True
            self.cycle.signal("cancel")

    @rule()
    def approve(self) -> None:
        self.cycle.approve()

    @rule()
    def decline(self) -> None:
        self.cycle.signal("decline")

    @rule()
    def answer(self) -> None:
        self.cycle.answer()

    def teardown(self) -> None:
        self.moments.close()
        self.cycle.rest()
        if self.paused and not self.cycle.is_over:
            self.cycle.signal("resume")
            self.cycle.rest()
        assert self.cycle.is_over
        assert self.cycle.open_rounds() == []
        assert set(self.cycle.reasons(CloseReason.ADVANCED)) <= set(self.cycle.wishes)
        outcome, stage = self.cycle.last.result.outcome, self.cycle.ledger.stages[-1]
        if self.cancelled:
            assert (outcome, stage) in ((Outcome.CANCELLED, Stage.CANCELLED), (Outcome.COMPLETED, Stage.COMPLETED))
        else:
            assert outcome is Outcome.COMPLETED
            assert self.cycle.ledger.stages == ALL_STAGES
            assert set(ALL_ROUNDS) <= set(self.cycle.asked())
        self.cycle.simulation.close()


TestSignalsInAnyMoment = pytest.mark.property(SignalsInAnyMoment.TestCase)
TestSignalsInAnyMoment.settings = settings(max_examples=10 * FACTOR, stateful_step_count=40, deadline=None)
