"""The wiring of the service programs, which knows the programs and cycles of every organization."""

from fastapi import APIRouter
from temporalio.client import Client

from services.programs.activities import Activities
from services.programs.api import cycles, programs
from shared.contracts.programs import ProgramsActivities
from shared.database import Database

router = APIRouter()
router.include_router(programs.router)
router.include_router(programs.internal_router)
router.include_router(cycles.router)


def create_activities(*, database: Database, temporal: Client) -> ProgramsActivities:
    return Activities(database, temporal)
