"""The cookies of the console.

Outside this computer a cookie is `Secure` and its name begins with `__Host-`, so that a browser takes it from this host
alone and sends it over TLS alone (RFC 6265bis, section 4.1.3.2). On a loopback address there is no TLS, and browsers
refuse such a cookie there. Every cookie is `HttpOnly` and `SameSite=Lax`, and goes when the browser is closed.
"""

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

SESSION = "upward-session"
"""Holds the token of the session."""
BEFORE_SESSION = "upward-sign-in"
"""Holds a secret that the token of a sign-in form is made of, as there is no session yet."""


class Cookies(NamedTuple):
    """How cookies are set at this address of the console."""

    secure: bool

    def read(self, request: Request, name: str) -> str:
        """Empty if there is none."""
        return request.cookies.get(self._name(name), "")

    def keep(self, response: Response, name: str, value: str) -> None:
        response.set_cookie(self._name(name), value, path="/", secure=self.secure, httponly=True, samesite="lax")

    def drop(self, response: Response, name: str) -> None:
        response.delete_cookie(self._name(name), path="/", secure=self.secure, httponly=True, samesite="lax")

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name


def cookies_at(public_url: str) -> Cookies:
    """Cookies are `Secure` unless the console is reached by http at a loopback address."""
    return Cookies(secure=urlsplit(public_url).scheme == "https" or not is_loopback(public_url))


def is_kept(public_url: str) -> bool:
    """Whether browsers keep the cookies of the console: over TLS, or at a loopback address."""
    return urlsplit(public_url).scheme == "https" or is_loopback(public_url)


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
