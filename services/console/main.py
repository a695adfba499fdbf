"""The wiring of the console, the web pages of Upward.

The console has no tables and no activities. It reads from the other services and passes answers on to them.
"""

from services.console.admin import registry
from services.console.api import front, looks, participants, security
from shared.http.routing import joined

router = joined(
    front.router,
    security.router,
    participants.router,
    participants.files,
    looks.router,
    *registry.ROUTERS,
    registry.elsewhere,
)
