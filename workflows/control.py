"""What a cycle hears while it runs: admins control it (pause, resume, cancel, advance), and people act in it (a match
run is approved, an offer is declined, a concern is raised)."""

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from shared.contracts.rounds import CloseReason
    from workflows.ids import concern_workflow_id
    from workflows.searching import attributes_of_child
    from workflows.states.concern_state import Concern
    from workflows.states.cycle_state import (
        REMEMBERED,
        Advance,
        ConcernHeard,
        CycleState,
        CycleStatus,
        Heard,
        RunApproved,
    )

from workflows.concern import ConcernWorkflow
from workflows.rebuilding import RebuildingCycle


class ControlledCycle(RebuildingCycle):
    """The signals of a cycle. Each is a repeat, and is ignored, unless its event is newer than the last one heard."""

    def __init__(self, state: CycleState) -> None:
        super().__init__(state)
        self.declines = 0
        """How often somebody lost a partner in this run of the workflow: an offer was declined, or a partner left."""
        self.earlier_declines = state.declines
        """The same for the runs before this one."""

    @workflow.signal
    async def pause(self, heard: Heard) -> None:
        if self._is_new(heard):
            self.clock.pause()
            await self._tell_pause(heard)

    @workflow.signal
    async def resume(self, heard: Heard) -> None:
        if self._is_new(heard):
            self.clock.resume()
            await self._tell_pause(heard)

    @workflow.signal
    async def cancel(self, heard: Heard) -> None:
        if self._is_new(heard):
            self.cancelled = True
            await self.close_rounds(CloseReason.CANCELLED)

    @workflow.signal
    async def advance(self, heard: Advance) -> None:
        """Closes the round that the admin saw running, and those that were opened before it. If that round is over by
        now, nothing happens."""
        if not self._is_new(heard):
            return
        if not self._goes_new_way("advance-names-its-moment", heard):
            if heard.stage is self.state.stage and (heard.round_id is None or heard.round_id in self.rounds):
                self.advanced_in_stage = True
                await self.close_rounds(CloseReason.ADVANCED)
            return
        self.wishes = (*self.wishes, heard.round_id)
        if heard.round_id in self.rounds:
            await self.close_rounds(CloseReason.ADVANCED, upto=heard.round_id)

    @workflow.signal
    def approve(self, heard: RunApproved) -> None:
        if self._is_new(heard) and heard.match_run_id not in self.state.approved:
            self.note(
                approved=(*self.state.approved, heard.match_run_id),
                approved_attempts=(*self.state.approved_attempts, heard.attempt),
            )
            if heard.dropped:
                self._lose_a_partner()

    @workflow.signal
    def decline(self, heard: Heard) -> None:
        if self._is_new(heard):
            self._lose_a_partner()

    @workflow.signal
    async def raise_concern(self, heard: ConcernHeard) -> None:
        """A dispatcher of an older release sends it. Now the event itself starts the workflow of the concern."""
        if not self._is_new(heard):
            return
        await workflow.wait_condition(lambda: hasattr(self, "plan"))
        workflow_id = concern_workflow_id(heard.concern_id)
        concern = Concern(**self.cycle, concern_id=heard.concern_id, ladder=self.plan.calendar.concern)
        try:
            await workflow.start_child_workflow(
                ConcernWorkflow.run,
                concern,
                id=workflow_id,
                parent_close_policy=ParentClosePolicy.ABANDON,
                search_attributes=attributes_of_child(concern.cycle_id),
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("concern.repeated")
        self.note(concerns=(*self.state.concerns, workflow_id))
        await self.followers.add(workflow_id)

    @workflow.query
    def status(self) -> CycleStatus:
        """How far the cycle is, for whoever looks at it in Temporal."""
        return CycleStatus(
            stage=self.state.stage,
            paused=self.clock.paused,
            being_cancelled=self.cancelled,
            outcome=self.state.outcome,
            rounds=tuple(id for id, round_ in self.rounds.items() if not round_.done()),
            approved=self.state.approved,
            check_ins=self.state.check_ins,
            heard=self.state.heard,
        )

    def _lose_a_partner(self) -> None:
        self.declines += 1
        self.note(declines=self.state.declines + 1)

    async def _tell_pause(self, heard: Heard) -> None:
        """Tells whoever pauses and resumes with this cycle."""
        await self.followers.follow()
        if self._goes_new_way("concerns-by-themselves", heard):
            await self.concerns_follow()

    def _goes_new_way(self, change: str, heard: Heard) -> bool:
        """Whether the change holds for this signal. A run that heard one of its kind before the change keeps the old
        way, but only for signals of senders that were there then."""
        return workflow.patched(change if heard.event_id is None else f"{change}-2")

    def _is_new(self, heard: Heard) -> bool:
        """Whether this is no repeat; from now on it is one.

        Sequences are compared within one epoch of the log only: after a restore they are given again. Events that
        survived it come again with the epoch that the log has then, and are known by their ids.
        """
        state = self.state
        self.signals_heard += 1
        if heard.event_id is not None and heard.event_id in state.heard_events:
            return False
        same_log = heard.epoch is None or state.epoch is None or heard.epoch == state.epoch
        if same_log and heard.sequence <= state.heard:
            return False
        events = state.heard_events if heard.event_id is None else (*state.heard_events, heard.event_id)[-REMEMBERED:]
        self.note(heard=heard.sequence, epoch=heard.epoch or state.epoch, heard_events=events)
        return True
