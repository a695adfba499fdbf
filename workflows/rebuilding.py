"""A cycle whose workflow was lost, and begins again where the rows say that it is.

Every activity may be repeated, so a stage may begin again from its start. What its beginning cannot repeat are moments:
when a round was opened, since when an approval is waited for, when the cycle was paused. Those are read.
"""

from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from shared.contracts.notifications import Announcement
    from shared.contracts.programs import CycleRef, Pause, RoundPlan, Stage
    from shared.contracts.recovery.facts import (
        AnnouncementsFound,
        CycleStanding,
        MatchingRecovery,
        NotificationsRecovery,
        OffersStanding,
        ProgramsRecovery,
        RoundStanding,
    )
    from shared.contracts.round_kinds import declaration_of
    from shared.contracts.rounds import RoundKind, round_id_for
    from workflows.options import MATCHING, NOTIFICATIONS, PROGRAMS
    from workflows.searching import show_stage
    from workflows.states.cycle_state import CycleState
    from workflows.states.round_state import RebuiltRound

from workflows.announcement import announce
from workflows.asking import AskingCycle
from workflows.pausing import pauses_of
from workflows.round import deadline_of


class RebuildingCycle(AskingCycle):
    """A cycle that can begin at any stage, with what the rows tell."""

    def __init__(self, state: CycleState) -> None:
        super().__init__(state)
        self.signals_heard = 0
        self.standing: CycleStanding | None = None
        """What was read, if this run began again after its workflow was lost."""
        self.offers = OffersStanding()
        self._found = AnnouncementsFound()

    async def begin(self) -> None:
        await super().begin()
        if self.state.rebuilt:
            await self._read_rows()
            await self._begin_again()

    def since(self, stage: Stage) -> datetime | None:
        """When this stage began, if the run began again in it; None otherwise."""
        return self.standing.since if self.standing is not None and self.standing.stage is stage else None

    def begun(self, kind: RoundKind) -> list[int]:
        """The numbers of the rounds of this kind that were opened before the run began again."""
        return sorted(found.number for found in self._rounds() if found.kind is kind)

    def rebuilt_round(self, kind: RoundKind, number: int) -> RebuiltRound | None:
        round_id = round_id_for(self.state.cycle_id, kind, number)
        stored = next((found for found in self._rounds() if found.id == round_id), None)
        if stored is None or self.standing is None:
            return None
        about = [found for found in self._found.announcements if found.announcement.scope_id == round_id]
        told = [(_number_of(found.announcement), found.unfinished) for found in about]
        return RebuiltRound(
            opened_at=stored.opened_at,
            closes_at=stored.closes_at,
            told_at=stored.told_at,
            paused_at=self.clock.paused_at,
            pauses=tuple(Pause(begins_at=begin, ends_at=end) for begin, end in self.clock.pauses),
            told=tuple(number for number, _ in told),
            unfinished=tuple(number for number, unfinished in told if unfinished),
        )

    def deadline(self, kind: RoundKind, number: int, plan: RoundPlan) -> datetime:
        """When the round ends that opens now, or that was opened before, in active time."""
        rebuilt = self.rebuilt_round(kind, number)
        if rebuilt is None:
            return self.clock.now() + plan.length
        return deadline_of(self.clock, rebuilt, self.clock.was(rebuilt.opened_at) + plan.length)

    def _rounds(self) -> tuple[RoundStanding, ...]:
        return self.standing.rounds if self.standing is not None else ()

    async def _read_rows(self) -> None:
        """Reads the rows, and once more if something was heard meanwhile. So what is heard later is newer."""
        cycle, known = CycleRef(**self.cycle), -1
        while known != self.signals_heard:
            known = self.signals_heard
            self.standing = await workflow.execute_activity_method(ProgramsRecovery.read_standing, cycle, **PROGRAMS)
            self.offers = await workflow.execute_activity_method(MatchingRecovery.read_offers, cycle, **MATCHING)
            self._found = await workflow.execute_activity_method(
                NotificationsRecovery.find_announcements, cycle, **NOTIFICATIONS
            )

    async def _begin_again(self) -> None:
        standing = self.standing
        assert standing is not None
        self.clock.set(pauses_of(standing.pauses), standing.paused_at)
        self._concerns_paused = self.clock.paused
        check_ins = self.begun(RoundKind.CHECK_IN)
        self.note(
            rebuilt=False,
            stage=standing.stage,
            outcome=standing.outcome,
            approved=self.offers.approved,
            approved_attempts=self.offers.attempts,
            check_ins=check_ins[-1] - 1 if check_ins else 0,  # the last one is asked again, and says how it ended
        )
        show_stage(standing.stage)
        self.cancelled = self.cancelled or standing.cancelling
        if standing.started:
            self.wishes = (*self.wishes, None)
        if standing.advanced is not None:
            self.wishes = (*self.wishes, standing.advanced)
        rounds = [found.id for found in standing.rounds]
        for found in self._found.announcements:
            if found.unfinished and found.announcement.scope_id not in rounds:
                paused = self.clock.paused
                workflow_id = await announce(found.announcement, paused=paused)
                self.note(announcements=(*self.state.announcements, workflow_id))
                await self.followers.add(workflow_id, paused=paused)
        if self.cancelled:
            await self._close_open_rounds(standing)

    async def _close_open_rounds(self, standing: CycleStanding) -> None:
        calendar = self.plan.calendar
        plans = {
            RoundKind.ENROLMENT: calendar.enrolment,
            RoundKind.ACCEPTANCE: calendar.acceptance,
            RoundKind.CHECK_IN: calendar.check_in,
            RoundKind.SURVEY: calendar.survey,
        }
        for found in standing.rounds:
            if found.open:
                await self.start_round(found.kind, found.number, plans[found.kind])
        await self.rounds_over()


def _number_of(announcement: Announcement) -> int:
    """0 for the invitation to a round, and otherwise the number of the reminder."""
    assert announcement.round_kind is not None
    is_invitation = announcement.template is declaration_of(announcement.round_kind).invitation
    return 0 if is_invitation else announcement.occurrence
