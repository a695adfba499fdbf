"""A cycle in the simulator, with services in memory, and those who act in it: they see what is written."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.programs import Stage
from shared.contracts.rounds import CloseReason, RoundKind
from shared.temporal import activity_methods
from tests.fakes import (
    DAY,
    START,
    FakeEvents,
    FakeFeedback,
    FakeIntake,
    FakeMatching,
    FakeNotifications,
    FakePrograms,
    Ledger,
)
from tests.workflows.simulator import Execution, Simulation
from workflows.registry import WORKFLOWS
from workflows.states.concern_state import Concern, Digest
from workflows.states.cycle_state import LONGEST_HISTORY, Advance, CycleState, Heard, RunApproved

FAKES = (FakePrograms, FakeIntake, FakeMatching, FakeFeedback, FakeNotifications, FakeEvents)


class SimulatedCycle:
    """One cycle, which waits for its start for some days. A coordinator approves what is proposed."""

    def __init__(self, *, unpatched: bool = False, longest_history: int = LONGEST_HISTORY) -> None:
        self.ledger = Ledger()
        self.ledger.calendar = self.ledger.calendar.model_copy(update={"check_ins": 2})
        self.ledger.at_stage[Stage.REVIEW] = self._approve_at_once
        activities = [method for fake in FAKES for method in activity_methods(fake(self.ledger))]
        self.simulation = Simulation(WORKFLOWS, activities, start=START - 3 * DAY, unpatched=unpatched)
        self.ledger.tell = self._tell
        self.id = f"cycle-{self.ledger.cycle_id}"
        self.sequence = 0
        self.epoch: UUID | None = uuid4()
        self.wishes: list[UUID | None] = []
        """What was advanced, in order: a round, or None for the scheduled stage."""
        state = CycleState(
            organization_id=self.ledger.organization_id,
            cycle_id=self.ledger.cycle_id,
            epoch=self.epoch,
            longest_history=longest_history,
        )
        self.first = self.simulation.start("CycleWorkflow", state, self.id)

    @property
    def last(self) -> Execution:
        """The run that is over, or the one that runs."""
        return self.simulation.running.get(self.id) or self.simulation.ended[self.id][-1]

    @property
    def is_over(self) -> bool:
        return self.id not in self.simulation.running

    def heard(self) -> dict[str, Any]:
        """The fields of the next event's signal."""
        self.sequence += 1
        return {"sequence": self.sequence, "epoch": self.epoch, "event_id": uuid4()}

    def signal(self, name: str, heard: Heard | None = None) -> Heard:
        """Signals the cycle. Returns what was said, to say it again."""
        heard = heard or Heard(**self.heard())
        self.simulation.signal(self.id, name, heard)
        return heard

    def open_rounds(self) -> list[UUID]:
        """The rounds that are open as far as is written, the youngest last."""
        closed = {found.round_id for found in self.ledger.closed}
        return [found.round_id for found in self.ledger.opened if found.round_id not in closed]

    def advance(self) -> None:
        """An admin advances what they see, as `services/programs/store/control.py` allows: once each."""
        open_rounds, stage = self.open_rounds(), (self.ledger.stages or [Stage.SCHEDULED])[-1]
        if not open_rounds and stage is not Stage.SCHEDULED:
            return
        wish = open_rounds[-1] if open_rounds else None
        if wish not in self.wishes[-1:]:
            self.wishes.append(wish)
            self.signal("advance", Advance(**self.heard(), stage=stage, round_id=wish))

    def approve(self) -> None:
        """A coordinator approves the newest match run, if there is one."""
        for run_id in self.ledger.run_ids[-1:]:
            attempt = len(self.ledger.run_ids)
            self.signal("approve", RunApproved(**self.heard(), match_run_id=run_id, attempt=attempt))

    def answer(self) -> None:
        """Everyone answers the youngest open round."""
        for round_id in self.open_rounds()[-1:]:
            self.simulation.signal(f"round-{round_id}", "everyone_answered")

    def reasons(self, *reasons: CloseReason) -> list[UUID]:
        """The rounds that closed for one of these reasons."""
        return [found.round_id for found in self.ledger.closed if found.reason in reasons]

    def asked(self) -> list[tuple[RoundKind, int]]:
        return [(found.kind, found.number) for found in self.ledger.opened]

    def rest(self, longest: timedelta = timedelta(days=3650)) -> None:
        self.simulation.run(longest=longest)

    def raise_concern(self) -> str:
        """A participant says that a pair is not a fit. Returns the id of the workflow that the event starts."""
        concern_id = uuid4()
        ref = {"organization_id": self.ledger.organization_id, "cycle_id": self.ledger.cycle_id}
        workflow_id = self.ledger.concerns[concern_id] = f"concern-{concern_id}"
        self.simulation.start("ConcernWorkflow", Concern(**ref, concern_id=concern_id), workflow_id)
        return workflow_id

    def miss_check_ins(self) -> str:
        """People missed a check-in again. Returns the id of the workflow that the events start."""
        round_id = self.ledger.opened[-1].round_id
        ref = {"organization_id": self.ledger.organization_id, "cycle_id": self.ledger.cycle_id}
        workflow_id = self.ledger.concerns[uuid4()] = f"digest-{round_id}"
        self.simulation.start("DigestWorkflow", Digest(**ref, round_id=round_id), workflow_id)
        return workflow_id

    async def _tell(self, workflow_id: str, signal: str) -> None:
        self.simulation.signal(workflow_id, signal)

    async def _approve_at_once(self) -> None:
        # The proposal is written, so that a coordinator can see it.
        self.approve()


RAISES: list[Callable[[SimulatedCycle], str]] = [SimulatedCycle.raise_concern, SimulatedCycle.miss_check_ins]


def in_a_check_in(cycle: SimulatedCycle) -> None:
    """Lets the cycle come to its first check-in, which has just opened."""
    for moment in cycle.simulation.moments():
        if moment.what == "open_round" and moment.written and cycle.asked()[-1][0] is RoundKind.CHECK_IN:
            return
    pytest.fail("the cycle never asked for a check-in")
