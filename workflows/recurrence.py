"""Programs that recur: a Temporal Schedule per program, and what it runs."""

from datetime import datetime

from temporalio import workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from shared.contracts.programs import (
        CreatePeriodCycle,
        PeriodCycle,
        ProgramRef,
        ProgramsActivities,
        ScheduleApplied,
    )

from workflows.options import PROGRAMS

SCHEDULED_AT = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


@workflow.defn
class RecurrenceWorkflow:
    """Run by a program's Schedule: asks programs for the period's cycle. The cycle then starts by its event."""

    @workflow.run
    async def run(self, program: ProgramRef) -> PeriodCycle:
        scheduled_at: datetime = workflow.info().typed_search_attributes.get(SCHEDULED_AT) or workflow.now()
        return await workflow.execute_activity_method(
            ProgramsActivities.create_period_cycle,
            CreatePeriodCycle(
                organization_id=program.organization_id, program_id=program.program_id, scheduled_at=scheduled_at
            ),
            **PROGRAMS,
        )


@workflow.defn
class ScheduleWorkflow:
    """Makes the program's Schedule what its row says, after a change of the row."""

    @workflow.run
    async def run(self, program: ProgramRef) -> ScheduleApplied:
        return await workflow.execute_activity_method(ProgramsActivities.apply_schedule, program, **PROGRAMS)
