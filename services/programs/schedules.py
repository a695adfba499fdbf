"""A recurring program's Temporal Schedule: created, changed and deleted to match what the program's row says."""

from datetime import timedelta
from uuid import UUID

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
)
from temporalio.service import RPCError, RPCStatusCode

from services.programs.rules.calendar import QUARTER_MONTHS, START_HOUR
from shared.contracts.programs import ProgramRef
from shared.temporal import WORKFLOWS_QUEUE

RECURRENCE_WORKFLOW = "RecurrenceWorkflow"
"""By name: services do not import workflows (design §3); `workflows/recurrence.py` declares it."""
CATCH_UP = timedelta(hours=24)
"""How late a start is still made up for, such as after an outage of Temporal. The server's default is a year."""
TEMPORAL_MONDAY = 1
"""Temporal counts a week's days from Sunday, 0."""


def schedule_id(program_id: UUID) -> str:
    return f"recurrence-{program_id}"


async def ensure_schedule(client: Client, program: ProgramRef, time_zone: str) -> None:
    """Creates the program's schedule or changes it to this zone; again is the same."""
    schedule = quarterly_schedule(program, time_zone)
    name = schedule_id(program.program_id)
    try:
        await client.create_schedule(name, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(name).update(lambda _: ScheduleUpdate(schedule=schedule))


async def remove_schedule(client: Client, program_id: UUID) -> None:
    """Deletes the program's schedule; one that is absent is fine."""
    try:
        await client.get_schedule_handle(schedule_id(program_id)).delete()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


def quarterly_schedule(program: ProgramRef, time_zone: str) -> Schedule:
    """First Monday of the quarter, nine o'clock in the program's zone: a Monday among the first seven days."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            RECURRENCE_WORKFLOW,
            program,
            id=schedule_id(program.program_id),
            task_queue=WORKFLOWS_QUEUE,
        ),
        spec=ScheduleSpec(
            calendars=[
                ScheduleCalendarSpec(
                    month=[ScheduleRange(month) for month in QUARTER_MONTHS],
                    day_of_month=[ScheduleRange(1, 7)],
                    day_of_week=[ScheduleRange(TEMPORAL_MONDAY)],
                    hour=[ScheduleRange(START_HOUR)],
                )
            ],
            time_zone_name=time_zone,
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
    )
