"""The wiring of matching for a worker: its activities, and the kinds of rounds that it owns."""

from services.matching.activities import Activities
from shared.contracts.rounds import RoundKind
from shared.database import Database
from shared.http.internal import Internal

ROUND_KINDS = frozenset({RoundKind.ACCEPTANCE})
"""The kinds of rounds that matching owns."""


def create_activities(*, database: Database, internal: Internal) -> Activities:
    return Activities(database=database, internal=internal)
