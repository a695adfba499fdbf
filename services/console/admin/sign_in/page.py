"""Signing in with an access key, and signing out."""

import re
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.console.admin.cookies import is_kept
from services.console.admin.form_tokens import FIELD, is_form_token
from services.console.admin.forms import NoFormToken
from services.console.admin.layout import open_page
from services.console.admin.navigation import HOME
from services.console.admin.routes import SIGN_IN, AdminRoute
from services.console.admin.signing_in import (
    KEY_FIELD,
    SignInProblem,
    WrongKey,
    came_from_our_form,
    end_session,
    forget,
    sign_in,
    sign_in_fields,
)
from services.console.admin.visit import NotSignedIn, current_visit
from services.console.submission import check_is_form, read_typed, refuse_cross_site
from shared.config import Settings
from shared.http.dependencies import AppSettings, PublicApiClient
from shared.http.public import PublicApi

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
OWN_ADDRESS = re.compile(r"/console(?:[/?][\x21-\x5b\x5d-\x7e]*)?")
"""Addresses to which signing in may lead. A backslash, which browsers read as a slash, is not in them."""


@router.api_route(SIGN_IN, methods=["GET", "HEAD"])
async def show_sign_in(
    request: Request, public_api: PublicApiClient, settings: AppSettings, next: str = HOME, signed_out: bool = False
) -> Response:
    if await _is_signed_in(request, public_api, settings):
        return RedirectResponse(own_address(next), status_code=303)
    if not is_kept(settings.public_url):
        return open_page(request, "sign_in_needs_tls.html", public_url=settings.public_url)
    return _page(request, next, signed_out=signed_out)


@router.post(SIGN_IN)
async def take_key(request: Request, public_api: PublicApiClient, settings: AppSettings) -> Response:
    refuse_cross_site(request, settings.public_url)
    check_is_form(request)
    fields = await read_typed(request)
    address, key = own_address(str(fields.get("next", ""))), str(fields.get(KEY_FIELD, "")).strip()
    if not came_from_our_form(request, str(fields.get(FIELD, ""))):
        if await _is_signed_in(request, public_api, settings):  # in another tab, which has used the cookie up
            return RedirectResponse(address, status_code=303)
        return _page(request, address, 403, SignInProblem.NO_COOKIE)
    if not key:
        return _page(request, address, 422, SignInProblem.NO_KEY)
    try:
        await sign_in(request, public_api, key)
    except WrongKey as wrong:
        return _page(request, address, 422, wrong.why)
    return RedirectResponse(address, status_code=303)


@router.post("/console/sign-out")
async def sign_out(request: Request, public_api: PublicApiClient, settings: AppSettings) -> Response:
    """Ends the session. If it has ended already, there is nothing to do."""
    refuse_cross_site(request, settings.public_url)
    check_is_form(request)
    response = RedirectResponse(f"{SIGN_IN}?signed_out=true", status_code=303)
    forget(request, response)
    try:
        visit = await current_visit(request, public_api, settings)
    except NotSignedIn:
        return response
    if not is_form_token(str((await read_typed(request)).get(FIELD, "")), visit.credential):
        raise NoFormToken("The form has no token of this session.")
    await end_session(request, public_api, visit.credential)
    return response


def own_address(address: str) -> str:
    """The address if it is one of the console's pages, else that of the home page."""
    parts = urlsplit(address)
    is_own = not parts.scheme and not parts.netloc and OWN_ADDRESS.fullmatch(address) is not None
    return address if is_own and not parts.path.startswith(SIGN_IN) else HOME


def _page(request: Request, address: str, status: int = 200, why: str = "", *, signed_out: bool = False) -> Response:
    fields = sign_in_fields(request)
    return open_page(
        request, "sign_in.html", status, next=own_address(address), why=why, signed_out=signed_out, **fields
    )


async def _is_signed_in(request: Request, public_api: PublicApi, settings: Settings) -> bool:
    try:
        await current_visit(request, public_api, settings)
    except NotSignedIn:
        return False
    return True
