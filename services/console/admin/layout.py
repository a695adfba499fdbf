"""Every page for those who run programs is made here: the frame around it, its menu, and its headers."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response

from services.console import pages
from services.console.admin.navigation import entries_for
from services.console.admin.visit import Visit
from services.console.look import look_of

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = pages.HEADERS | {
    "content-security-policy": POLICY,
    # With `no-referrer`, browsers would say that our own forms come from `null`. No path holds a secret but that of a
    # one-time sign-in, which leads to no other page.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


def admin_page(visit: Visit, template: str, status: int = 200, **context: Any) -> Response:
    """A page of the console. `template` is a file in `templates/admin/`."""
    menu = entries_for(visit.who.role, visit.path)
    brand = look_of(visit.who.brand, visit.who.organization.id)
    return pages.page(f"admin/{template}", visit.words, status, visit=visit, menu=menu, brand=brand, **context)


def open_page(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """A page for whoever is not signed in: without a menu."""
    words = pages.reader_words(request)
    return pages.page(f"admin/{template}", words, status, visit=None, menu=(), **context)
