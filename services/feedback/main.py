"""The wiring of the feedback service."""

from services.feedback import api
from services.feedback.worker import ROUND_KINDS, create_activities
from shared.contracts.base import Service
from shared.http.routing import joined
from shared.rounds.api import recipients_router

__all__ = ["ROUND_KINDS", "create_activities", "router"]

router = joined(api.router, api.internal_router, recipients_router(Service.FEEDBACK))
