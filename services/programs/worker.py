"""The wiring of programs for a worker: its activities, and the watch over cycles."""

from temporalio.client import Client

from services.programs.activities import Activities
from services.programs.watching import Watch, keep_watching
from shared.contracts.programs import ProgramsActivities
from shared.database import Database
from shared.http.internal import Internal

__all__ = ["create_activities", "create_watch", "keep_watching"]


def create_activities(*, database: Database, temporal: Client) -> ProgramsActivities:
    return Activities(database, temporal)


def create_watch(*, database: Database, internal: Internal, temporal: Client) -> Watch:
    """Watches whether cycles move. Run it with `await keep_watching(watch, stop)`."""
    return Watch(database, internal, temporal)
