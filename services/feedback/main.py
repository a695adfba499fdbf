"""The wiring of the feedback service: its routes and its activities."""

from services.feedback import api
from services.feedback.activities import Activities
from services.feedback.store.answers import ANSWER_TABLES
from shared.contracts.base import Service
from shared.contracts.feedback import FeedbackActivities
from shared.database import Database
from shared.http.internal import Internal
from shared.http.routing import joined
from shared.rounds.api import recipients_router

router = joined(api.router, api.internal_router, recipients_router(Service.FEEDBACK))

ROUND_KINDS = ANSWER_TABLES.keys()
"""The kinds of rounds that feedback owns."""


def create_activities(*, database: Database, internal: Internal) -> FeedbackActivities:
    return Activities(database=database, internal=internal)
