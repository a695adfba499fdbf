"""The console: web pages. It has no tables and no activities; it reads and answers through the other services."""

from fastapi import APIRouter

from services.console.api import cycles, participants

router = APIRouter()
router.include_router(participants.router)
router.include_router(participants.files)
router.include_router(cycles.router)
