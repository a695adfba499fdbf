"""The console: web pages. It has no tables and no activities; it reads and answers through the other services."""

from fastapi import APIRouter

from services.console import api, api_cycles

router = APIRouter()
router.include_router(api.router)
router.include_router(api.files)
router.include_router(api_cycles.router)
