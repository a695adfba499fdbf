"""What the steps of a cycle use: reading the plan, opening rounds, announcing, and entering the next stage."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from shared.contracts.feedback import ConcernWord, FeedbackActivities, TellConcerns
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
    from workflows.ids import round_workflow_id
    from workflows.options import FEEDBACK, PROGRAMS
    from workflows.searching import attributes_of_child, show_stage, summary_of
    from workflows.states.cycle_state import CycleState
    from workflows.states.round_state import Closing, RebuiltRound, RoundOver, RoundRequest, Watcher

from workflows.announcement import announce
from workflows.pausing import Followers, PausableClock, tell
from workflows.round import RoundWorkflow
from workflows.versions.upgrading import is_pinned, with_current_code

LOOK_AGAIN = timedelta(days=1)
"""After so long a cycle looks again after a round that it follows without being its parent."""


class AskingCycle:
    """A cycle that can open rounds and make announcements. What it asks and when is decided by the steps in
    `workflows/cycle.py`; the signals in `workflows/control.py` set `cancelled` and `advanced`."""

    plan: CyclePlan

    def __init__(self, state: CycleState) -> None:
        self.state = state
        self.clock = PausableClock()
        self.followers = Followers(self.clock, (*state.concerns, *state.announcements))
        """The rounds, announcements and concerns of this cycle, which pause together with it."""
        self._concerns_paused = self._telling_concerns = False
        self.rounds: dict[UUID, asyncio.Task[RoundClosed]] = {}
        """The rounds that this stage has opened, by id, in order. Each task ends with its round."""
        self.rounds_heard: dict[UUID, RoundClosed] = {}
        """Rounds that told that they are over, because this cycle is not their parent."""
        self.cancelled = False
        """An admin cancelled the cycle."""
        self.wishes: tuple[UUID | None, ...] = ()
        """What admins advanced: rounds by their ids, and None for the scheduled stage."""
        self.advanced_in_stage = False
        """An admin advanced the cycle in this stage. Only runs that began before `wishes` use it."""

    @property
    def cycle(self) -> dict[str, Any]:
        """The fields that name this cycle in every request."""
        return {"organization_id": self.state.organization_id, "cycle_id": self.state.cycle_id}

    @property
    def advanced(self) -> bool:
        """An admin advanced what the cycle is waiting for now. A wish is about the round that the admin saw, and dies
        with it: it may be heard before the cycle knows that the round runs, and also when the round is over."""
        if self.rounds:
            return self.advanced_in_stage or next(reversed(self.rounds)) in self.wishes
        return self.advanced_in_stage or (self.state.stage is Stage.SCHEDULED and None in self.wishes)

    def called_off(self) -> bool:
        return self.cancelled

    def hurried(self) -> bool:
        """The stage should end now: an admin advanced it or cancelled the cycle."""
        return self.cancelled or self.advanced

    def note(self, **changes: Any) -> None:
        self.state = self.state.model_copy(update=changes)

    def concluding(self, outcome: Outcome) -> Stage:
        """Notes the outcome and returns the closing stage, for a cycle that ends early. It then asks no survey."""
        self.note(outcome=outcome)
        return Stage.CLOSING

    async def begin(self) -> None:
        self.plan = await workflow.execute_activity_method(
            ProgramsActivities.read_plan, CycleRef(**self.cycle), **PROGRAMS
        )
        show_stage(self.state.stage)

    async def enter(self, stage: Stage) -> None:
        """Records the stage. A paused cycle stands still before and after. If the history of this run is long, the
        cycle then goes on in a new run. Where workers have versions it always does, unless it is over, and comes to
        newer code by that."""
        await self.clock.run(unless=self.called_off)
        if self.called_off() and stage is not Stage.CANCELLED:
            return
        self.advanced_in_stage = False
        if stage is not self.state.stage:
            request = RecordStage(**self.cycle, stage=stage, outcome=self.state.outcome, was=self.state.stage)
            await workflow.execute_activity_method(ProgramsActivities.record_stage, request, **PROGRAMS)
            self.note(stage=stage)
            show_stage(stage)
            await self.clock.run(unless=self.called_off)
        await workflow.wait_condition(workflow.all_handlers_finished)
        info = workflow.info()
        long = info.is_continue_as_new_suggested() or info.get_current_history_length() > self.state.longest_history
        ends = long or (is_pinned() and stage is not Stage.COMPLETED)
        if ends and not self.called_off() and not self.clock.paused:
            await self._prune()
        if ends and not self.called_off() and not self.clock.paused:
            workflow.continue_as_new(self.state, initial_versioning_behavior=with_current_code())

    async def _prune(self) -> None:
        """Forgets the announcements and concerns that are over, so that the next run does not know them."""
        known = (*self.state.concerns, *self.state.announcements)
        if known and workflow.patched("next-run-knows-only-who-runs"):
            await self.followers.prune()
            self.note(
                concerns=tuple(found for found in self.state.concerns if self.followers.know(found)),
                announcements=tuple(found for found in self.state.announcements if self.followers.know(found)),
            )
            await workflow.wait_condition(workflow.all_handlers_finished)

    async def start_round(
        self, kind: RoundKind, number: int, plan: RoundPlan, closes_at: datetime | None = None
    ) -> asyncio.Task[RoundClosed]:
        """Opens a round and does not wait for its end. `closes_at` is in active time; if it is None, the plan says how
        long the round lasts. A round that runs already, as after a reset of the cycle, is followed instead."""
        round_id = round_id_for(self.state.cycle_id, kind, number)
        request = RoundRequest(
            **self.cycle,
            kind=kind,
            number=number,
            plan=plan,
            closes_at=None if closes_at is None else self.clock.on_the_wall(closes_at),
            rebuilt=self.rebuilt_round(kind, number),
        )
        handle = await self._begin_round(round_id, request) or asyncio.ensure_future(self._follow(round_id, request))
        self.rounds[round_id] = handle
        if self.called_off():
            await self.close_rounds(CloseReason.CANCELLED)
        elif self.advanced:
            await self.close_rounds(CloseReason.ADVANCED)
        else:
            await self.followers.add(round_workflow_id(round_id))
        return handle

    def rebuilt_round(self, kind: RoundKind, number: int) -> RebuiltRound | None:
        """What is known of the round, if an earlier workflow of the cycle opened it, which was lost."""
        return None

    async def _begin_round(self, round_id: UUID, request: RoundRequest) -> asyncio.Task[RoundClosed] | None:
        """Starts the round as a child; None if one of its id runs already."""
        try:
            return await workflow.start_child_workflow(
                RoundWorkflow.run,
                request,
                id=round_workflow_id(round_id),
                search_attributes=attributes_of_child(request.cycle_id),
                static_summary=summary_of(request),
            )
        except WorkflowAlreadyStartedError:
            return None

    async def _follow(self, round_id: UUID, request: RoundRequest) -> RoundClosed:
        """Waits for the end of a round that somebody else started. Only a parent hears of that by itself, so that the
        round is asked to tell it. If it is over before it could, it is started once more, finds that it is closed, and
        answers with its counts."""
        watcher = Watcher(workflow_id=workflow.info().workflow_id)
        while round_id not in self.rounds_heard:
            if await tell([round_workflow_id(round_id)], "watch", watcher):
                with suppress(TimeoutError):
                    await workflow.wait_condition(lambda: round_id in self.rounds_heard, timeout=LOOK_AGAIN)
            elif (handle := await self._begin_round(round_id, request)) is not None:
                return await handle
        return self.rounds_heard[round_id]

    @workflow.signal
    def round_over(self, over: RoundOver) -> None:
        """A round that this cycle follows, and whose parent it is not, is over."""
        self.rounds_heard[over.round_id] = RoundClosed(recipients=over.recipients, answered=over.answered)

    async def ask(self, kind: RoundKind, number: int, plan: RoundPlan) -> RoundClosed:
        """Opens a round and waits until it is closed."""
        handle = await self.start_round(kind, number, plan)
        closed: RoundClosed = await handle
        self.rounds.clear()
        return closed

    async def close_rounds(self, reason: CloseReason, *, upto: UUID | None = None) -> None:
        """Closes the rounds of this stage, or only one of them and those that were opened before it."""
        rounds = list(self.rounds)
        if upto is not None:
            rounds = rounds[: rounds.index(upto) + 1]
        await tell([round_workflow_id(round_id) for round_id in rounds], "close", Closing(reason=reason))

    def all_rounds_over(self) -> bool:
        return all(handle.done() for handle in self.rounds.values())

    async def rounds_over(self) -> None:
        """Waits for every round that this stage opened."""
        for handle in list(self.rounds.values()):
            await handle
        self.rounds.clear()

    async def announce(
        self, template: Template, audience: Audience, *, scope_id: UUID | None = None, occurrence: int = 1
    ) -> None:
        """Announces something about the cycle, or about `scope_id`. An announcement that is repeated is made once."""
        announcement = Announcement(
            **self.cycle,
            scope_id=scope_id or self.state.cycle_id,
            template=template,
            audience=audience,
            occurrence=occurrence,
        )
        paused = self.clock.paused and not self.called_off()  # the end of a paused cycle is told at once
        workflow_id = await announce(announcement, paused=paused)
        self.note(announcements=(*self.state.announcements, workflow_id))
        if not self.called_off():
            await self.followers.add(workflow_id, paused=paused)

    async def concerns_follow(self) -> None:
        """Tells the workflows of open concerns that the clock was paused or runs again. They are no children of the
        cycle, as there may be thousands."""
        if self._telling_concerns:
            return
        self._telling_concerns = True
        try:
            while self._concerns_paused is not self.clock.paused:
                paused = self.clock.paused
                await self.tell_concerns(ConcernWord.PAUSE if paused else ConcernWord.RESUME)
                self._concerns_paused = paused
        finally:
            self._telling_concerns = False

    async def tell_concerns(self, word: ConcernWord) -> None:
        """Tells all open concerns, a page at a time."""
        after: UUID | None = None
        while True:
            told = await workflow.execute_activity_method(
                FeedbackActivities.tell_concerns, TellConcerns(**self.cycle, word=word, after=after), **FEEDBACK
            )
            if (after := told.after) is None:
                return

    async def silence(self) -> None:
        """Drops those messages of the cycle's own announcements that have not been sent yet."""
        await tell(self.state.announcements, "stop")
        self.note(announcements=())
