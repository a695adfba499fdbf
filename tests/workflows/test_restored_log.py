"""A log that was restored gives its sequences again. Its epoch says so, and what people ask for then is heard."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.endpoints import FailureStage
from shared.contracts.events import EndpointFailing, EventRecord, MatchRunApproved, ProgramScheduleChanged
from shared.contracts.programs import Outcome, Stage
from shared.contracts.rounds import CloseReason, RoundKind
from tests.workflows.simulated import SimulatedCycle
from tests.workflows.test_signals import ALL_ROUNDS, ALL_STAGES
from workflows.reactions import Signal, Start, reaction_to
from workflows.states.cycle_state import Heard, RunApproved


def restore(cycle: SimulatedCycle, *surviving: tuple[str, Heard]) -> None:
    """Postgres goes back to an earlier point. The dispatcher tells the events again that survived it, then new ones."""
    cycle.epoch, cycle.sequence = uuid4(), 3
    for name, heard in surviving:
        cycle.signal(name, heard.model_copy(update={"epoch": cycle.epoch, "sequence": cycle.heard()["sequence"]}))


def advance_the_enrolment(cycle: SimulatedCycle) -> None:
    cycle.advance()


def approve_the_pairs(cycle: SimulatedCycle) -> None:
    cycle.approve()


def cancel_the_cycle(cycle: SimulatedCycle) -> None:
    cycle.signal("cancel")


IN_STAGES: list[tuple[str, RoundKind | None, Callable[[SimulatedCycle], None]]] = [
    ("intake", RoundKind.ENROLMENT, advance_the_enrolment),
    ("review", None, approve_the_pairs),
    ("active", RoundKind.CHECK_IN, cancel_the_cycle),
]


@pytest.mark.parametrize(("stage", "kind", "ask"), IN_STAGES, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_asked_after_a_restore_is_heard_in_every_stage(
    stage: str, kind: RoundKind | None, ask: Callable[[SimulatedCycle], None]
) -> None:
    cycle = SimulatedCycle()
    if stage == "review":
        del cycle.ledger.at_stage[Stage.REVIEW]
    cycle.sequence = 100
    paused, resumed = cycle.signal("pause"), cycle.signal("resume")
    asked = False
    for moment in cycle.simulation.moments():
        in_stage = cycle.ledger.stages[-1:] == [stage]
        if not asked and moment.written and in_stage and moment.what == ("open_round" if kind else "deliver_messages"):
            restore(cycle, ("pause", paused), ("resume", resumed))
            ask(cycle)
            asked = True
    assert asked
    assert cycle.is_over
    outcome = cycle.last.result.outcome
    assert outcome is (Outcome.CANCELLED if stage == "active" else Outcome.COMPLETED)
    if stage != "active":
        assert (cycle.ledger.stages, cycle.asked()) == (ALL_STAGES, ALL_ROUNDS)
    assert [len(cycle.reasons(CloseReason.ADVANCED)), len(cycle.reasons(CloseReason.CANCELLED))] == [
        int(stage == "intake"),
        int(stage == "active"),
    ]


def test_an_event_that_survived_the_restore_is_a_repeat() -> None:
    """Otherwise a pause that was over long ago would stop the cycle again."""
    cycle = SimulatedCycle()
    cycle.sequence = 100
    paused = cycle.signal("pause")
    cycle.signal("resume")
    cycle.simulation.settle()
    restore(cycle, ("pause", paused))
    cycle.rest()
    assert cycle.last.result.outcome is Outcome.COMPLETED


def test_an_approval_that_is_given_again_after_a_restore_offers_nothing_twice() -> None:
    cycle = SimulatedCycle()
    for moment in cycle.simulation.moments():
        if moment.what == "open_round" and moment.written and cycle.ledger.stages[-1] is Stage.KICKOFF:
            restore(cycle)
            cycle.approve()
    assert cycle.asked() == ALL_ROUNDS


def test_within_one_epoch_and_from_senders_that_tell_none_a_lower_sequence_is_a_repeat() -> None:
    for epoch in (uuid4(), None):
        cycle = SimulatedCycle()
        cycle.epoch, cycle.sequence = epoch, 100
        cycle.signal("resume")
        cycle.simulation.settle()
        cycle.sequence = 3
        cycle.signal("cancel")
        cycle.sequence = 200
        cycle.rest()
        assert cycle.last.result.outcome is Outcome.COMPLETED


def test_what_was_heard_and_in_which_epoch_is_known_in_the_next_run() -> None:
    cycle = SimulatedCycle(longest_history=30)
    cycle.sequence = 100
    paused, restored = cycle.signal("pause"), False
    cycle.signal("resume")
    for _ in cycle.simulation.moments():
        if len(cycle.simulation.ended.get(cycle.id, ())) == 1 and not restored:
            restore(cycle, ("pause", paused))
            cycle.signal("resume")
            restored = True
    assert len(cycle.simulation.ended[cycle.id]) > 1
    assert cycle.last.result.outcome is Outcome.COMPLETED
    assert cycle.last.result.epoch == cycle.epoch


def recorded(data: Any, *, id: UUID, sequence: int = 7, epoch: UUID | None = None) -> EventRecord:
    return EventRecord(
        id=id,
        organization_id=uuid4(),
        sequence=sequence,
        type=data.type,
        version=1,
        subject=data.subject,
        time=datetime(2026, 1, 5, tzinfo=UTC),
        data=data.model_dump(mode="json"),
        epoch=epoch,
    )


@pytest.mark.parametrize(
    "data",
    [
        ProgramScheduleChanged(program_id=uuid4()),
        EndpointFailing(endpoint_id=uuid4(), owner_id=uuid4(), stage=FailureStage.FAILING),
    ],
    ids=lambda data: data.type,
)
def test_what_an_event_starts_is_started_for_another_event_of_the_same_sequence_too(data: Any) -> None:
    one, other = uuid4(), uuid4()
    starts = [reaction_to(event, event.parse()) for event in (recorded(data, id=id) for id in (one, one, other))]
    ids = [start.id for start in starts if isinstance(start, Start)]
    assert len(ids) == 3
    assert (ids[0] == ids[1], ids[0] == ids[2]) == (True, False)


def test_a_signal_carries_the_event_and_the_epoch() -> None:
    epoch, id = uuid4(), uuid4()
    event = recorded(MatchRunApproved(match_run_id=uuid4(), cycle_id=uuid4(), pairs=1), id=id, epoch=epoch)
    signal = reaction_to(event, event.parse())
    assert isinstance(signal, Signal)
    assert isinstance(signal.argument, RunApproved)
    assert (signal.argument.epoch, signal.argument.event_id, signal.argument.sequence) == (epoch, id, 7)
