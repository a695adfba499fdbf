"""Wiring of notifications."""

from services.notifications import api
from services.notifications.activities import Activities
from shared.config import Settings
from shared.database import Database
from shared.http.internal import Internal

router = api.router


def create_activities(*, database: Database, internal: Internal, settings: Settings) -> Activities:
    return Activities(database=database, internal=internal, settings=settings)
