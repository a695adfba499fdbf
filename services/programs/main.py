"""The wiring of the service programs, which knows the programs and cycles of every organization."""

from temporalio.client import Client

from services.programs.activities import Activities
from services.programs.api import cycles, programs
from shared.contracts.programs import ProgramsActivities
from shared.database import Database
from shared.http.routing import joined

router = joined(programs.router, programs.internal_router, cycles.router)


def create_activities(*, database: Database, temporal: Client) -> ProgramsActivities:
    return Activities(database, temporal)
