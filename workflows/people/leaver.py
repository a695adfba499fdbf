"""Somebody has left: nobody waits for their answers any more, their pairs end, and their partners are told."""

from datetime import timedelta
from uuid import UUID

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from shared.contracts.feedback import FeedbackActivities, ResolveConcerns
    from shared.contracts.intake import IntakeActivities, Leaver
    from shared.contracts.matching import MatchingActivities, ReleasedPair
    from shared.contracts.notifications import Announcement, Audience, Template
    from shared.contracts.programs import CycleRef, OrganizationRef, ProgramsActivities
    from workflows.options import FEEDBACK, INTAKE, MATCHING, PROGRAMS

from workflows.announcement import announce

SECOND_LOOK = timedelta(minutes=1)
"""After that time, what was on its way when the person left has arrived, such as a round that was being opened."""
GATHERED = timedelta(seconds=20)
"""The coordinators of a cycle get one message about all leavers of such a span, as one import can name hundreds."""


@workflow.defn
class LeaverWorkflow:
    """Takes one person who has left out of all cycles, now and once more a little later. What is told because of it
    does not wait for a paused cycle, as the pair has ended all the same."""

    def __init__(self) -> None:
        self._told: list[UUID] = []

    @workflow.run
    async def run(self, leaver: Leaver) -> None:
        await self._take_out(leaver)
        await workflow.sleep(SECOND_LOOK)
        await self._take_out(leaver)

    async def _take_out(self, leaver: Leaver) -> None:
        excused = await workflow.execute_activity_method(IntakeActivities.excuse_leaver, leaver, **INTAKE)
        if not excused.gone:
            return
        released = await workflow.execute_activity_method(MatchingActivities.release_leaver, leaver, **MATCHING)
        pairs = [pair for pair in released.pairs if pair.pair_id not in self._told]
        self._told += [pair.pair_id for pair in pairs]
        for pair in pairs:
            await announce(_to_partner(leaver, pair))
        if pairs:
            pair_ids = tuple(pair.pair_id for pair in pairs)
            about = ResolveConcerns(organization_id=leaver.organization_id, pair_ids=pair_ids)
            await workflow.execute_activity_method(FeedbackActivities.resolve_concerns, about, **FEEDBACK)
            await self._tell_coordinators(leaver, dict.fromkeys(pair.cycle_id for pair in pairs))

    async def _tell_coordinators(self, leaver: Leaver, cycle_ids: dict[UUID, None]) -> None:
        """All leavers of the same span make the same announcement, so that it is made once, when the span is over."""
        now = workflow.now().timestamp()
        span = int(now // GATHERED.total_seconds()) + 1
        await workflow.sleep(span * GATHERED.total_seconds() - now)
        for cycle_id in cycle_ids:
            if workflow.patched("leavers-in-overview") and await self._is_in_overview(leaver, cycle_id):
                continue
            announcement = Announcement(
                organization_id=leaver.organization_id,
                cycle_id=cycle_id,
                scope_id=cycle_id,
                template=Template.PEOPLE_LEFT,
                audience=Audience.COORDINATORS,
                occurrence=span,
            )
            await announce(announcement)

    async def _is_in_overview(self, leaver: Leaver, cycle_id: UUID) -> bool:
        """Whether the coordinators read of it on Monday. A program that sends at any hour of any day tells at once."""
        organization_id = leaver.organization_id
        plan = await workflow.execute_activity_method(
            ProgramsActivities.read_plan, CycleRef(organization_id=organization_id, cycle_id=cycle_id), **PROGRAMS
        )
        if plan.calendar.sending_hours is None:
            return False
        organization = OrganizationRef(organization_id=organization_id)
        await workflow.execute_activity_method(ProgramsActivities.ensure_overview, organization, **PROGRAMS)
        return True


def _to_partner(leaver: Leaver, pair: ReleasedPair) -> Announcement:
    return Announcement(
        organization_id=leaver.organization_id,
        cycle_id=pair.cycle_id,
        scope_id=pair.pair_id,
        template=Template.PARTNER_LEFT,
        audience=Audience.PAIR,
    )
