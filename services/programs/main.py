"""Wiring of programs: what runs and when."""

from fastapi import APIRouter
from temporalio.client import Client

from services.programs import api, api_cycles
from services.programs.activities import Activities
from shared.contracts.programs import ProgramsActivities
from shared.database import Database

router = APIRouter()
router.include_router(api.router)
router.include_router(api_cycles.router)


def create_activities(*, database: Database, temporal: Client) -> ProgramsActivities:
    return Activities(database, temporal)
