"""The wiring of intake for a worker: its activities, and the kinds of rounds that it owns."""

from services.intake.activities import Intake
from shared.contracts.intake import IntakeActivities
from shared.contracts.rounds import RoundKind
from shared.database import Database

ROUND_KINDS = frozenset({RoundKind.ENROLMENT})
"""The kinds of rounds that intake owns."""


def create_activities(*, database: Database) -> IntakeActivities:
    return Intake(database)
