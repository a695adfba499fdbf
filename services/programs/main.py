"""The wiring of the service programs, which knows the programs and cycles of every organization."""

from services.programs.api import cycles, programs
from services.programs.worker import create_activities
from shared.http.routing import joined

__all__ = ["create_activities", "router"]

router = joined(programs.router, programs.internal_router, cycles.router)
