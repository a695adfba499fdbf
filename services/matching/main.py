"""Wires the service: the one module that knows both of its edges, HTTP and Temporal."""

from services.matching.activities import Activities
from services.matching.api import internal, lists, policies, public, steering
from shared.contracts.base import Service
from shared.contracts.rounds import RoundKind
from shared.database import Database
from shared.http.internal import Internal
from shared.http.routing import joined
from shared.rounds.api import recipients_router

router = joined(
    public.router,
    lists.router,
    steering.router,
    policies.router,
    internal.router,
    recipients_router(Service.MATCHING),
)

ROUND_KINDS = frozenset({RoundKind.ACCEPTANCE})
"""The kinds of rounds that matching owns."""


def create_activities(*, database: Database, internal: Internal) -> Activities:
    return Activities(database=database, internal=internal)
