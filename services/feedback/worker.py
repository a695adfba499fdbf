"""The wiring of feedback for a worker: its activities, and the kinds of rounds that it owns."""

from services.feedback.activities import Activities
from services.feedback.store.answers import ANSWER_TABLES
from shared.contracts.feedback import FeedbackActivities
from shared.database import Database
from shared.http.internal import Internal

ROUND_KINDS = ANSWER_TABLES.keys()
"""The kinds of rounds that feedback owns."""


def create_activities(*, database: Database, internal: Internal) -> FeedbackActivities:
    return Activities(database=database, internal=internal)
