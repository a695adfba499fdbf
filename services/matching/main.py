"""Wires the service for HTTP. `worker.py` wires it for Temporal; no other module knows an edge."""

from services.matching.api import internal, lists, policies, public, steering
from services.matching.worker import ROUND_KINDS, create_activities
from shared.contracts.base import Service
from shared.http.routing import joined
from shared.rounds.api import recipients_router

__all__ = ["ROUND_KINDS", "create_activities", "router"]

router = joined(
    public.router,
    lists.router,
    steering.router,
    policies.router,
    internal.router,
    recipients_router(Service.MATCHING),
)
