"""The Monday overview: each week a Temporal Schedule of the organization starts a workflow here, which tells every
coordinator what needs a human in their programs."""

from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from shared.contracts.notifications import Announcement, Audience, Template
    from shared.contracts.programs import OrganizationRef, ProgramsActivities, ScheduleApplied
    from workflows.options import PROGRAMS

from workflows.announcement import Telling
from workflows.pausing import PausableClock
from workflows.scheduled.recurrence import SCHEDULED_AT


@workflow.defn
class OverviewWorkflow:
    """The overviews of one week. It ends when each is sent, or is not needed because nothing is to do."""

    @workflow.run
    async def run(self, organization: OrganizationRef) -> None:
        scheduled_at: datetime = workflow.info().typed_search_attributes.get(SCHEDULED_AT) or workflow.now()
        announcement = Announcement(
            organization_id=organization.organization_id,
            scope_id=organization.organization_id,
            template=Template.WEEKLY_OVERVIEW,
            audience=Audience.EVERY_COORDINATOR,
            occurrence=scheduled_at.date().toordinal(),
        )
        await Telling(announcement, PausableClock()).run()


@workflow.defn
class MondayWorkflow:
    """Makes sure that the organization has its Schedule."""

    @workflow.run
    async def run(self, organization: OrganizationRef) -> ScheduleApplied:
        return await workflow.execute_activity_method(ProgramsActivities.ensure_overview, organization, **PROGRAMS)
