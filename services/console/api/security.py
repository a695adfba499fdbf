"""`/.well-known/security.txt` (RFC 9116): whom to tell about a weakness of this installation."""

from datetime import UTC, datetime, time, timedelta

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from shared.errors import NotFound
from shared.http.dependencies import AppSettings
from shared.http.routing import Route

router = APIRouter(route_class=Route, include_in_schema=False)
PATH = "/.well-known/security.txt"
GOOD_FOR = timedelta(days=90)
"""Whoever has kept a copy reads it again after this time, as the contact may be another one."""


@router.api_route(PATH, methods=["GET", "HEAD"])
async def show_security_contact(settings: AppSettings) -> Response:
    if not settings.security_contact:
        raise NotFound("Whoever runs Upward here has named no contact.", code="no_security_contact")
    until = datetime.combine(datetime.now(UTC).date() + GOOD_FOR, time(), UTC)
    lines = {
        "Contact": settings.security_contact,
        "Expires": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        "Canonical": f"{settings.public_url.rstrip('/')}{PATH}",
    }
    return PlainTextResponse("".join(f"{name}: {value}\n" for name, value in lines.items()))
