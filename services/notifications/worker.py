"""The wiring of notifications for a worker: its activities."""

from services.notifications.activities import Activities
from shared.config import Settings
from shared.database import Database
from shared.http.internal import Internal


def create_activities(*, database: Database, internal: Internal, settings: Settings) -> Activities:
    return Activities(database=database, internal=internal, settings=settings)
