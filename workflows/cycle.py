"""The course of one cycle. `CycleWorkflow.run` can be read as the process: each stage has a step, which waits, asks or
decides, and returns the stage that follows. Activities write the facts. What people do arrives as signals, which
`workflows/reactions.py` makes of events."""

from datetime import datetime
from uuid import UUID

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from shared.contracts.feedback import CompileReport, ConcernWord, FeedbackActivities
    from shared.contracts.matching import (
        ConcludeOffers,
        ConcludePairs,
        MatchingActivities,
        PairState,
        Proposal,
        ProposeMatches,
    )
    from shared.contracts.notifications import Audience, Template
    from shared.contracts.programs import CycleRef, Outcome, Stage
    from shared.contracts.rounds import CloseReason, RoundKind
    from workflows.options import FEEDBACK, MATCHING, PROPOSING
    from workflows.states.cycle_state import CycleState

from workflows.control import ControlledCycle
from workflows.ladder import Rung, climb

APPROVAL = {
    Rung.FIRST: (Template.APPROVAL_NEEDED, Audience.COORDINATORS),
    Rung.REMINDER: (Template.APPROVAL_REMINDER, Audience.COORDINATORS),
    Rung.ESCALATED: (Template.APPROVAL_ESCALATED, Audience.SPONSOR),
}
RESULT = {
    Outcome.COMPLETED: Template.CYCLE_COMPLETED,
    Outcome.NOBODY_ENROLLED: Template.NOBODY_ENROLLED,
    Outcome.NOBODY_MATCHED: Template.NOBODY_MATCHED,
    Outcome.NOBODY_ACCEPTED: Template.NOBODY_ACCEPTED,
}


@workflow.defn
class CycleWorkflow(ControlledCycle):
    """One cycle, from the request to the report. Its signals are in `ControlledCycle`."""

    @workflow.init
    def __init__(self, state: CycleState) -> None:
        super().__init__(state)

    @workflow.run
    async def run(self, state: CycleState) -> CycleState:
        await self.begin()
        steps = {
            Stage.SCHEDULED: self.wait_for_the_start,
            Stage.INTAKE: self.ask_people_to_enrol,
            Stage.MATCHING: self.propose_matches,
            Stage.REVIEW: self.wait_for_the_approval,
            Stage.KICKOFF: self.offer_the_pairs,
            Stage.ACTIVE: self.check_in_regularly,
            Stage.CLOSING: self.survey_and_report,
        }
        while (step := steps.get(self.state.stage)) is not None:
            following = self.state.stage if self.called_off() else await step()
            if self.called_off():
                following = await self.call_off()
            await self.enter(following)
        return self.state

    @workflow.query
    def everything(self) -> CycleState:
        """All that the cycle knows, for whoever compares it with its row."""
        return self.state

    async def wait_for_the_start(self) -> Stage:
        await self.clock.reach(self.plan.starts_at, unless=self.hurried)
        return Stage.INTAKE

    async def ask_people_to_enrol(self) -> Stage:
        await self.ask(RoundKind.ENROLMENT, 1, self.plan.calendar.enrolment)
        return Stage.MATCHING

    async def propose_matches(self) -> Stage:
        proposal = await self._propose(attempt=1)
        if proposal.enrolled == 0:
            return self.concluding(Outcome.NOBODY_ENROLLED)
        if proposal.pairs == 0:
            await self.announce(Template.UNMATCHED, Audience.UNMATCHED)
            return self.concluding(Outcome.NOBODY_MATCHED)
        return Stage.REVIEW

    async def wait_for_the_approval(self) -> Stage:
        """Asks the coordinators, reminds them, tells the sponsor, and then goes on waiting. No pair is offered without
        an approval."""

        async def say(rung: Rung, occurrence: int) -> None:
            await self.announce(*APPROVAL[rung], occurrence=occurrence)

        def decided() -> bool:
            return self.called_off() or bool(self.state.approved)

        calendar = self.plan.calendar
        counting = CycleRef(**self.cycle) if calendar.working_days else None
        await climb(calendar.approval, self.clock, decided, say, counting, self.since(Stage.REVIEW))
        return Stage.KICKOFF

    async def offer_the_pairs(self) -> Stage:
        """Both people of a pair accept or decline. Those whose pair is declined are matched again in the time that is
        left."""
        plan = self.plan.calendar.acceptance
        ends_at = self.deadline(RoundKind.ACCEPTANCE, 1, plan)
        await self.start_round(RoundKind.ACCEPTANCE, 1, plan)
        for number in self.begun(RoundKind.ACCEPTANCE)[1:]:
            await self.start_round(RoundKind.ACCEPTANCE, number, plan, ends_at)
        await self._replace_declined(ends_at)
        await self.rounds_over()
        offers = await workflow.execute_activity_method(
            MatchingActivities.conclude_offers, ConcludeOffers(**self.cycle), **MATCHING
        )
        if self.called_off():
            return Stage.CANCELLED
        await self.announce(Template.UNMATCHED, Audience.UNMATCHED)
        if offers.active == 0:
            return self.concluding(Outcome.NOBODY_ACCEPTED)
        await self.announce(Template.KICKOFF, Audience.PARTICIPANTS)
        return Stage.ACTIVE

    async def check_in_regularly(self) -> Stage:
        """Asks one check-in after the other. The stage is entered again before each, and ends when no pair is left."""
        calendar, number = self.plan.calendar, self.state.check_ins + 1
        if number > calendar.check_ins:
            return Stage.CLOSING
        opens_at = self.clock.now() + calendar.wait_for_check_in(number) - self.state.last_check_in_took
        rebuilt = self.rebuilt_round(RoundKind.CHECK_IN, number)
        if number == 1 and (since := self.since(Stage.ACTIVE)) is not None:
            opens_at = self.clock.was(since) + calendar.wait_for_check_in(1)
        if rebuilt is not None or await self.clock.reach(opens_at, unless=self.called_off):
            opened_at = self.clock.now() if rebuilt is None else self.clock.was(rebuilt.opened_at)
            closed = await self.ask(RoundKind.CHECK_IN, number, calendar.check_in)
            self.note(check_ins=number, last_check_in_took=self.clock.now() - opened_at)
            if closed.recipients == 0:
                return Stage.CLOSING
        return Stage.ACTIVE

    async def survey_and_report(self) -> Stage:
        """Asks the closing survey if there were pairs. Then the report ends the cycle."""
        if self.state.outcome is None:
            await self.ask(RoundKind.SURVEY, 1, self.plan.calendar.survey)
            if self.called_off():
                return Stage.CANCELLED
            await self._conclude_pairs(PairState.COMPLETED)
            self.note(outcome=Outcome.COMPLETED)
        await self._report()
        return Stage.COMPLETED

    async def call_off(self) -> Stage:
        """Closes the open rounds, ends the pairs and tells the people concerned, once."""
        await self.close_rounds(CloseReason.CANCELLED)
        await self._conclude_pairs(PairState.ENDED)
        await self.silence()
        await self.announce(Template.CYCLE_CANCELLED, Audience.ENROLLED)
        self.note(outcome=Outcome.CANCELLED)
        await self._report()
        return Stage.CANCELLED

    async def _replace_declined(self, ends_at: datetime) -> None:
        attempt, number, handled, asked = 1, 1, 0, len(self.state.approved)
        pending: UUID | None = None
        if self.earlier_declines and workflow.patched("declines-of-earlier-runs"):
            handled = -self.earlier_declines
        if self.since(Stage.KICKOFF) is not None:
            attempt, pending, handled = self.offers.attempt, self.offers.waiting, -self.offers.declines
            number = max(self.begun(RoundKind.ACCEPTANCE), default=1)
            asked = min(asked, number)

        def approved() -> bool:
            return len(self.state.approved) > asked

        def waits_for_approval() -> bool:
            """An admin who steers a run makes another one, with another id, of the same attempt."""
            decided = pending in self.state.approved or attempt in self.state.approved_attempts
            return pending is not None and not decided

        def news() -> bool:
            settled = not waits_for_approval() and self.all_rounds_over()
            return self.hurried() or approved() or self.declines > handled or settled

        while not await self.clock.reach(ends_at, unless=news) and not self.hurried():
            if self.clock.paused:
                await self.clock.run(unless=self.hurried)
            elif approved():
                asked, number = len(self.state.approved), number + 1
                await self.start_round(RoundKind.ACCEPTANCE, number, self.plan.calendar.acceptance, ends_at)
            elif self.declines > handled:
                handled, attempt = self.declines, attempt + 1
                proposal = await self._propose(attempt)
                pending = proposal.match_run_id if proposal.pairs else None
                if pending is not None:
                    await self.announce(Template.APPROVAL_NEEDED, Audience.COORDINATORS, scope_id=pending)
            else:
                return

    async def _propose(self, attempt: int) -> Proposal:
        request = ProposeMatches(**self.cycle, attempt=attempt, direction=self.plan.direction, policy=self.plan.policy)
        return await workflow.execute_activity_method(MatchingActivities.propose_matches, request, **PROPOSING)

    async def _conclude_pairs(self, state: PairState) -> None:
        request = ConcludePairs(**self.cycle, state=state)
        await workflow.execute_activity_method(MatchingActivities.conclude_pairs, request, **MATCHING)

    async def _report(self) -> None:
        outcome = self.state.outcome
        assert outcome is not None
        if workflow.patched("concerns-hear-the-end"):
            await self.tell_concerns(ConcernWord.RESOLVE)  # the report resolves them
        request = CompileReport(**self.cycle, outcome=outcome)
        await workflow.execute_activity_method(FeedbackActivities.compile_report, request, **FEEDBACK)
        if outcome in RESULT:
            await self.announce(RESULT[outcome], Audience.COORDINATORS)
