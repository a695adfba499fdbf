"""The wiring of intake, which knows who takes part: the directory of people, enrolments, and participants' links."""

from services.intake.api import imports, internal, pending, people, topics
from services.intake.worker import ROUND_KINDS, create_activities
from shared.contracts.base import Service
from shared.http.routing import joined
from shared.rounds.api import recipients_router

__all__ = ["ROUND_KINDS", "create_activities", "router"]

router = joined(
    people.router,
    imports.router,
    pending.router,
    topics.router,
    internal.router,
    recipients_router(Service.INTAKE),
)
