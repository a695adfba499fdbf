"""The wiring of the service accounts, which knows organizations, access keys and sessions: who may do what."""

from fastapi import APIRouter

from services.accounts import api

router = APIRouter()
router.include_router(api.router)
