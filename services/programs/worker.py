"""The wiring of programs for a worker: its activities."""

from temporalio.client import Client

from services.programs.activities import Activities
from shared.contracts.programs import ProgramsActivities
from shared.database import Database


def create_activities(*, database: Database, temporal: Client) -> ProgramsActivities:
    return Activities(database, temporal)
