"""A concern needs a human: the coordinators are told, reminded, and then the sponsor is told, until it is resolved."""

from uuid import UUID

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from shared.contracts.feedback import ConcernRung, EscalateConcern, FeedbackActivities
    from shared.contracts.notifications import Announcement, Audience, Template
    from shared.contracts.programs import CycleRef, LadderPlan

from workflows.announcement import announce
from workflows.ladder import Rung, climb
from workflows.options import FEEDBACK
from workflows.pausing import Followers, PausableClock

TEMPLATES = {
    Rung.FIRST: Template.CONCERN_RAISED,
    Rung.REMINDER: Template.CONCERN_REMINDER,
    Rung.ESCALATED: Template.CONCERN_ESCALATED,
}


class Concern(CycleRef):
    """A concern of a cycle, and when it is escalated."""

    concern_id: UUID
    ladder: LadderPlan


@workflow.defn
class ConcernWorkflow:
    """Tells one person after the other of a concern until it is resolved. It stands still while the cycle is paused."""

    def __init__(self) -> None:
        self._clock = PausableClock()
        self._resolved = False
        self._announcements = Followers(self._clock)

    @workflow.run
    async def run(self, concern: Concern) -> None:
        self._concern = concern
        await climb(concern.ladder, self._clock, self._is_resolved, self._say)
        await self._announcements.stop()
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.signal
    def resolve(self) -> None:
        self._resolved = True

    @workflow.signal
    async def pause(self) -> None:
        self._clock.pause()
        await self._announcements.follow()

    @workflow.signal
    async def resume(self) -> None:
        self._clock.resume()
        await self._announcements.follow()

    async def _say(self, rung: Rung, occurrence: int) -> None:
        to_sponsor = rung is Rung.ESCALATED
        state = await workflow.execute_activity_method(
            FeedbackActivities.escalate_concern,
            EscalateConcern(
                organization_id=self._concern.organization_id,
                concern_id=self._concern.concern_id,
                rung=ConcernRung.SPONSOR if to_sponsor else ConcernRung.COORDINATOR,
            ),
            **FEEDBACK,
        )
        if not state.open:
            self._resolved = True
            return
        announcement = Announcement(
            organization_id=self._concern.organization_id,
            cycle_id=self._concern.cycle_id,
            scope_id=self._concern.concern_id,
            template=TEMPLATES[rung],
            audience=Audience.SPONSOR if to_sponsor else Audience.COORDINATORS,
            occurrence=occurrence,
        )
        await self._announcements.add(await announce(announcement))

    def _is_resolved(self) -> bool:
        return self._resolved
