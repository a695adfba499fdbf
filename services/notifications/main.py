"""Wiring of notifications."""

from services.notifications.activities import Activities
from services.notifications.api import messages, wordings
from shared.config import Settings
from shared.database import Database
from shared.http.internal import Internal
from shared.http.routing import joined

router = joined(messages.router, wordings.router, wordings.internal)


def create_activities(*, database: Database, internal: Internal, settings: Settings) -> Activities:
    return Activities(database=database, internal=internal, settings=settings)
