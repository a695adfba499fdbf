"""The wiring of the service accounts, which knows organizations, access keys and sessions: who may do what."""

from services.accounts import api
from shared.http.routing import joined

router = joined(api.router)
