"""All workflows, for the worker that runs them."""

from workflows.announcement import AnnouncementWorkflow
from workflows.concern import ConcernWorkflow, DigestWorkflow
from workflows.cycle import CycleWorkflow
from workflows.endpoint import EndpointWorkflow
from workflows.people.leaver import LeaverWorkflow
from workflows.round import RoundWorkflow
from workflows.scheduled.overview import MondayWorkflow, OverviewWorkflow
from workflows.scheduled.recurrence import RecurrenceWorkflow, ScheduleWorkflow

WORKFLOWS: tuple[type, ...] = (
    CycleWorkflow,
    RoundWorkflow,
    AnnouncementWorkflow,
    ConcernWorkflow,
    DigestWorkflow,
    EndpointWorkflow,
    LeaverWorkflow,
    RecurrenceWorkflow,
    ScheduleWorkflow,
    OverviewWorkflow,
    MondayWorkflow,
)
