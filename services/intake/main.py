"""The wiring of intake, which knows who takes part: the directory of people, enrolments, and participants' links."""

from services.intake.activities import Intake
from services.intake.api import imports, internal, pending, people, topics
from services.intake.pending_imports import keep_purging
from shared.contracts.base import Service
from shared.contracts.intake import IntakeActivities
from shared.contracts.rounds import RoundKind
from shared.database import Database
from shared.http.routing import joined
from shared.rounds.api import recipients_router

router = joined(
    people.router,
    imports.router,
    pending.router,
    topics.router,
    internal.router,
    recipients_router(Service.INTAKE),
)

ROUND_KINDS = frozenset({RoundKind.ENROLMENT})
"""The kinds of rounds that intake owns."""


__all__ = ["ROUND_KINDS", "create_activities", "keep_purging", "router"]


def create_activities(*, database: Database) -> IntakeActivities:
    """What intake's worker runs."""
    return Intake(database)
