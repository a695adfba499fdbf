"""Signing in: an access key or a one-time code is changed into a session, whose token goes into a cookie.

The token is always a new one, and a session that the browser had before ends, so that nobody can be made to use a
session that somebody else knows. A form for signing in has a token too: it is made with the secret in a cookie of its
own, as there is no session yet.
"""

import contextlib
import re
import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response

from services.console.admin.cookies import BEFORE_SESSION, SESSION, Cookies, cookies_at
from services.console.admin.form_tokens import is_form_token, new_form_token
from services.console.admin.visit import NETWORK_NOT_ALLOWED, Visit, api_as, visit_with
from shared.config import Settings
from shared.contracts.accounts import NewSession
from shared.contracts.base import Service
from shared.errors import DomainError, Forbidden, Unauthorized
from shared.http.public import PublicApi
from shared.sessions import is_session_token

OPENED = "upward.session_opened"
"""Where the scope of a request keeps the token of a session that it has opened."""
BEFORE_SIGN_IN = "upward.before_session"
"""Where the scope of a request keeps the secret of its forms for signing in."""
WELL_FORMED = re.compile(r"[0-9A-Za-z_-]{43}")
KEY_FIELD = "access_key"


class SignInProblem(StrEnum):
    """Why an access key was not taken. `parts.html` has the words."""

    NO_COOKIE = "no_cookie"
    NO_KEY = "no_key"
    WRONG_KEY = "wrong_key"
    EXPIRED_KEY = "expired_key"
    OTHER_NETWORK = "other_network"


WHY = {"access_key_expired": SignInProblem.EXPIRED_KEY, NETWORK_NOT_ALLOWED: SignInProblem.OTHER_NETWORK}
"""What the codes of the API's refusals mean."""


class WrongKey(Unauthorized):
    code = "wrong_key"

    def __init__(self, why: SignInProblem) -> None:
        super().__init__("This does not sign anybody in.")
        self.why = why


async def sign_in(request: Request, public_api: PublicApi, credential: str) -> Visit:
    """Opens a session for an access key or a one-time code. Raises WrongKey.

    The answer to the request sets the cookie (`set_cookies`)."""
    try:
        opened = await api_as(request, public_api, credential).post(Service.ACCOUNTS, "/session", NewSession)
    except (Unauthorized, Forbidden) as error:
        raise WrongKey(WHY.get(error.code, SignInProblem.WRONG_KEY)) from None
    before = _cookies(request).read(request, SESSION)
    if is_session_token(before):
        await end_session(request, public_api, before)
    request.scope[OPENED] = opened.token
    return await visit_with(request, public_api, opened.token)


async def end_session(request: Request, public_api: PublicApi, token: str) -> None:
    """Ends a session, if it has not ended yet."""
    with contextlib.suppress(DomainError, httpx.HTTPError):
        await api_as(request, public_api, token).delete(Service.ACCOUNTS, "/session")


def came_from_our_form(request: Request, token: str) -> bool:
    """Whether a form for signing in was made for this browser."""
    return is_form_token(token, _cookies(request).read(request, BEFORE_SESSION))


def sign_in_fields(request: Request) -> Mapping[str, Any]:
    """What the template of a form for signing in needs. The answer to the request sets the cookie."""
    given = _cookies(request).read(request, BEFORE_SESSION)
    secret = given if WELL_FORMED.fullmatch(given) else secrets.token_urlsafe(32)
    request.scope[BEFORE_SIGN_IN] = secret
    return {"sign_in_token": new_form_token(secret)}


def set_cookies(request: Request, response: Response) -> None:
    """Sets the cookies that the request asks for by what it did."""
    cookies = _cookies(request)
    if (token := request.scope.get(OPENED)) is not None:
        cookies.keep(response, SESSION, token)
        cookies.drop(response, BEFORE_SESSION)
    elif (secret := request.scope.get(BEFORE_SIGN_IN)) is not None:
        cookies.keep(response, BEFORE_SESSION, secret)


def forget(request: Request, response: Response) -> None:
    """Takes the session's cookie from the browser."""
    _cookies(request).drop(response, SESSION)


def _cookies(request: Request) -> Cookies:
    settings: Settings = request.app.state.settings
    return cookies_at(settings.public_url)
