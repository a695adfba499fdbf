"""Wiring of matching: the one module that knows both edges."""

from fastapi import APIRouter

from services.matching import api, api_internal, api_steering
from services.matching.activities import Activities
from shared.contracts.base import Service
from shared.database import Database
from shared.http.internal import Internal
from shared.rounds.api import recipients_router

router = APIRouter()
router.include_router(api.router)
router.include_router(api_steering.router)
router.include_router(api_internal.router)
router.include_router(recipients_router(Service.MATCHING))


def create_activities(*, database: Database, internal: Internal) -> Activities:
    return Activities(database=database, internal=internal)
