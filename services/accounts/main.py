"""The wiring of the service accounts, which knows organizations, access keys and sessions: who may do what, and how an
organization shows itself."""

from services.accounts.api import brands, callers
from shared.http.routing import joined

router = joined(callers.router, brands.router, brands.internal)
