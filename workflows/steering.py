"""What a cycle hears and how it is steered: pause, resume, call off, advance, approvals, declines, concerns.

Every signal that comes from the event log carries the event's `sequence`. The dispatcher delivers at least once and in
order, so a signal that is not newer than the last one heard is a repeat and is ignored.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.workflow import ChildWorkflowHandle, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from shared.contracts.base import Contract
    from shared.contracts.notifications import Announcement, Audience, Template
    from shared.contracts.programs import (
        CyclePlan,
        CycleRef,
        Outcome,
        ProgramsActivities,
        RecordStage,
        RoundPlan,
        Stage,
    )
    from shared.contracts.rounds import CloseReason, RoundClosed, RoundKind, round_id_for

from workflows.clock import PausableClock
from workflows.concern import Concern, ConcernWorkflow
from workflows.kin import Kin, announce, concern_workflow_id, round_workflow_id, tell
from workflows.options import PROGRAMS
from workflows.round import Asking, Closing, RoundWorkflow

LONG_HISTORY = 1000
"""Events after which a cycle goes on in a new run, at the next boundary between stages."""


class CycleState(CycleRef):
    """All that a cycle must know to go on; the one argument of its first run and of every run after."""

    stage: Stage = Stage.SCHEDULED
    outcome: Outcome | None = None
    heard: int = 0
    """The sequence of the last event that this cycle heard of."""
    approved: tuple[UUID, ...] = ()
    approved_attempts: tuple[int, ...] = ()
    """Those of which a revision is approved; whichever it is, the attempt waits no longer."""
    check_ins: int = 0
    last_check_in_took: timedelta = timedelta(0)
    concerns: tuple[str, ...] = ()
    """Workflow ids of the concerns and announcements that pauses are passed on to."""
    announcements: tuple[str, ...] = ()


class Heard(Contract):
    sequence: int


class Advance(Heard):
    stage: Stage
    round_id: UUID | None = None


class RunApproved(Heard):
    match_run_id: UUID
    attempt: int = 0
    """0 when the event did not tell it."""


class ConcernHeard(Heard):
    concern_id: UUID


class SteeredCycle:
    """The signals of a cycle and the tools that its steps are made of."""

    plan: CyclePlan

    def __init__(self, state: CycleState) -> None:
        self.state = state
        self.clock = PausableClock()
        self.declines = 0
        """Offers that a person declined since this run began."""
        self._kin = Kin(self.clock, (*state.concerns, *state.announcements))
        self._cancelled = False
        self._advanced = False
        self._rounds: dict[UUID, ChildWorkflowHandle[Any, RoundClosed]] = {}

    # What a cycle hears.

    @workflow.signal
    async def pause(self, heard: Heard) -> None:
        if self._is_new(heard):
            self.clock.pause()
            await self._kin.follow()

    @workflow.signal
    async def resume(self, heard: Heard) -> None:
        if self._is_new(heard):
            self.clock.resume()
            await self._kin.follow()

    @workflow.signal
    async def cancel(self, heard: Heard) -> None:
        if self._is_new(heard):
            self._cancelled = True
            await self.close_rounds(CloseReason.CANCELLED)

    @workflow.signal
    async def advance(self, heard: Advance) -> None:
        """Closes the round that the admin saw running; a round that is over by now is left alone."""
        if not self._is_new(heard) or heard.stage is not self.state.stage:
            return
        if heard.round_id is None or heard.round_id in self._rounds:
            self._advanced = True
            await self.close_rounds(CloseReason.ADVANCED)

    @workflow.signal
    def approve(self, heard: RunApproved) -> None:
        if self._is_new(heard):
            self.note(
                approved=(*self.state.approved, heard.match_run_id),
                approved_attempts=(*self.state.approved_attempts, heard.attempt),
            )

    @workflow.signal
    def decline(self, heard: Heard) -> None:
        if self._is_new(heard):
            self.declines += 1

    @workflow.signal
    async def raise_concern(self, heard: ConcernHeard) -> None:
        if not self._is_new(heard):
            return
        await workflow.wait_condition(lambda: hasattr(self, "plan"))
        workflow_id = concern_workflow_id(heard.concern_id)
        concern = Concern(**self.cycle, concern_id=heard.concern_id, ladder=self.plan.calendar.concern)
        await workflow.start_child_workflow(
            ConcernWorkflow.run, concern, id=workflow_id, parent_close_policy=ParentClosePolicy.ABANDON
        )
        self.note(concerns=(*self.state.concerns, workflow_id))
        await self._kin.add(workflow_id)

    def _is_new(self, heard: Heard) -> bool:
        new = heard.sequence > self.state.heard
        if new:
            self.note(heard=heard.sequence)
        return new

    # What its steps are made of.

    @property
    def cycle(self) -> dict[str, Any]:
        """The fields that name this cycle in every request."""
        return {"organization_id": self.state.organization_id, "cycle_id": self.state.cycle_id}

    def called_off(self) -> bool:
        return self._cancelled

    def hurried(self) -> bool:
        """The stage should end now: an admin advanced it or cancelled the cycle."""
        return self._cancelled or self._advanced

    def note(self, **changes: Any) -> None:
        self.state = self.state.model_copy(update=changes)

    def concluding(self, outcome: Outcome) -> Stage:
        """Goes to the closing early, without a survey, as there is nobody to ask."""
        self.note(outcome=outcome)
        return Stage.CLOSING

    async def begin(self) -> None:
        self.plan = await workflow.execute_activity_method(
            ProgramsActivities.read_plan, CycleRef(**self.cycle), **PROGRAMS
        )

    async def enter(self, stage: Stage) -> None:
        """Records the stage; a paused cycle stands still before and after. A long history then starts afresh."""
        await self.clock.run(unless=self.called_off)
        if self.called_off() and stage is not Stage.CANCELLED:
            return
        self._advanced = False
        if stage is not self.state.stage:
            request = RecordStage(**self.cycle, stage=stage, outcome=self.state.outcome)
            await workflow.execute_activity_method(ProgramsActivities.record_stage, request, **PROGRAMS)
            self.note(stage=stage)
            await self.clock.run(unless=self.called_off)
        await workflow.wait_condition(workflow.all_handlers_finished)
        info = workflow.info()
        long = info.is_continue_as_new_suggested() or info.get_current_history_length() > LONG_HISTORY
        if long and not self.called_off() and not self.clock.paused:
            workflow.continue_as_new(self.state)

    async def start_round(
        self, kind: RoundKind, number: int, plan: RoundPlan, closes_at: datetime | None = None
    ) -> ChildWorkflowHandle[Any, RoundClosed]:
        """`closes_at` is in active time."""
        round_id = round_id_for(self.state.cycle_id, kind, number)
        asking = Asking(
            **self.cycle,
            kind=kind,
            number=number,
            plan=plan,
            closes_at=None if closes_at is None else self.clock.on_the_wall(closes_at),
        )
        handle = await workflow.start_child_workflow(RoundWorkflow.run, asking, id=round_workflow_id(round_id))
        self._rounds[round_id] = handle
        if self.called_off():
            await self.close_rounds(CloseReason.CANCELLED)
        elif self._advanced:
            await self.close_rounds(CloseReason.ADVANCED)
        else:
            await self._kin.add(round_workflow_id(round_id))
        return handle

    async def ask(self, kind: RoundKind, number: int, plan: RoundPlan) -> RoundClosed:
        """One round, from its opening to its close."""
        handle = await self.start_round(kind, number, plan)
        closed: RoundClosed = await handle
        self._rounds.clear()
        return closed

    async def close_rounds(self, reason: CloseReason) -> None:
        await tell([round_workflow_id(round_id) for round_id in self._rounds], "close", Closing(reason=reason))

    def all_rounds_over(self) -> bool:
        return all(handle.done() for handle in self._rounds.values())

    async def rounds_over(self) -> None:
        """Waits for every round that this stage opened."""
        for handle in list(self._rounds.values()):
            await handle
        self._rounds.clear()

    async def announce(
        self, template: Template, audience: Audience, *, scope_id: UUID | None = None, occurrence: int = 1
    ) -> None:
        """Says something about the cycle (or about `scope_id`); once, whatever is repeated."""
        announcement = Announcement(
            **self.cycle,
            scope_id=scope_id or self.state.cycle_id,
            template=template,
            audience=audience,
            occurrence=occurrence,
        )
        workflow_id = await announce(announcement)
        self.note(announcements=(*self.state.announcements, workflow_id))
        if not self.called_off():  # the end of a paused cycle is told at once
            await self._kin.add(workflow_id)

    async def silence(self) -> None:
        """Drops what has not been sent yet of all that the cycle itself announced."""
        await tell(self.state.announcements, "stop")
        self.note(announcements=())
