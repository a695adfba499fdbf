"""The wiring of the console, the web pages of Upward.

The console has no tables and no activities. It reads from the other services and passes answers on to them.
"""

from fastapi import APIRouter

from services.console.admin import registry
from services.console.api import front, participants

router = APIRouter()
router.include_router(front.router)
router.include_router(participants.router)
router.include_router(participants.files)
for admin in registry.ROUTERS:
    router.include_router(admin)
router.include_router(registry.elsewhere)
