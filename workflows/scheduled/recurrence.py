"""Programs that recur: each has a Temporal Schedule, which starts a workflow here."""

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
    """A program's Schedule starts it. It asks programs to create the period's cycle; the event about that cycle starts
    the cycle's workflow."""

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
    """Changes the program's Schedule after a change of the program."""

    @workflow.run
    async def run(self, program: ProgramRef) -> ScheduleApplied:
        return await workflow.execute_activity_method(ProgramsActivities.apply_schedule, program, **PROGRAMS)
