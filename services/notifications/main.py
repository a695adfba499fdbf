"""Wiring of notifications."""

from fastapi import APIRouter

from services.notifications.activities import Activities
from services.notifications.api import messages, wordings
from shared.config import Settings
from shared.database import Database
from shared.http.internal import Internal

router = APIRouter()
router.include_router(messages.router)
router.include_router(wordings.router)


def create_activities(*, database: Database, internal: Internal, settings: Settings) -> Activities:
    return Activities(database=database, internal=internal, settings=settings)
