"""The Temporal Schedules: that of a recurring program, which is created, changed and deleted to agree with the program,
and that of an organization's Monday overview, which stays."""

from contextlib import suppress
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
from temporalio.service import RPCError

from services.programs.rules.calendar import QUARTER_MONTHS, START_HOUR
from shared.contracts.overview import MADE_AT
from shared.contracts.programs import OrganizationRef, ProgramRef
from shared.temporal import WORKFLOWS_QUEUE, is_missing, share_of

RECURRENCE_WORKFLOW = "RecurrenceWorkflow"
"""Declared in `workflows/scheduled/recurrence.py`. It is started by its name, as services do not import workflows."""
CATCH_UP = timedelta(hours=24)
"""A start that was missed, such as during an outage of Temporal, is made up for within this time. The server's default
is a year."""
OVERVIEW_WORKFLOW = "OverviewWorkflow"
"""Declared in `workflows/scheduled/overview.py`."""
TEMPORAL_SUNDAY, TEMPORAL_MONDAY = 0, 1
"""Temporal counts the days of the week from Sunday, which is 0."""


def schedule_id(program_id: UUID) -> str:
    return f"recurrence-{program_id}"


def overview_id(organization_id: UUID) -> str:
    return f"overview-{organization_id}"


async def ensure_schedule(client: Client, program: ProgramRef, time_zone: str) -> None:
    """Creates the program's schedule, or changes it to this time zone. Doing it again changes nothing."""
    schedule = quarterly_schedule(program, time_zone)
    name = schedule_id(program.program_id)
    try:
        await client.create_schedule(name, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(name).update(lambda _: ScheduleUpdate(schedule=schedule))


async def ensure_overview(client: Client, organization: OrganizationRef) -> None:
    """Creates the schedule of the organization's Monday overview. Doing it again changes nothing."""
    with suppress(ScheduleAlreadyRunningError):
        await client.create_schedule(overview_id(organization.organization_id), weekly_schedule(organization))


async def remove_schedule(client: Client, program_id: UUID) -> None:
    """Deletes the program's schedule if there is one."""
    try:
        await client.get_schedule_handle(schedule_id(program_id)).delete()
    except RPCError as error:
        if not is_missing(error):
            raise


def quarterly_schedule(program: ProgramRef, time_zone: str) -> Schedule:
    """The schedule for nine o'clock on the first Monday of each quarter, in the program's time zone.

    The first Monday is the one among the first seven days of the month.
    """
    return Schedule(
        action=ScheduleActionStartWorkflow(
            RECURRENCE_WORKFLOW,
            program,
            id=schedule_id(program.program_id),
            task_queue=WORKFLOWS_QUEUE,
            priority=share_of(program.organization_id),
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


def weekly_schedule(organization: OrganizationRef) -> Schedule:
    """The schedule for every Sunday, at the hour at which Monday begins somewhere."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            OVERVIEW_WORKFLOW,
            organization,
            id=overview_id(organization.organization_id),
            task_queue=WORKFLOWS_QUEUE,
            priority=share_of(organization.organization_id),
        ),
        spec=ScheduleSpec(
            calendars=[
                ScheduleCalendarSpec(day_of_week=[ScheduleRange(TEMPORAL_SUNDAY)], hour=[ScheduleRange(MADE_AT.hour)])
            ],
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
    )
