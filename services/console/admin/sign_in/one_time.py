"""Signing in by a one-time address, which `upward up` prints for whoever started it.

Opening the address changes nothing: programs open links too, to preview or to check them. Its one button does.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse

from services.console.admin.form_tokens import FIELD
from services.console.admin.layout import open_page
from services.console.admin.navigation import HOME
from services.console.admin.routes import SIGN_IN, AdminRoute
from services.console.admin.signing_in import WrongKey, came_from_our_form, sign_in, sign_in_fields
from services.console.submission import check_is_form, read_typed, refuse_cross_site
from shared.http.dependencies import AppSettings, PublicApiClient

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
Code = Annotated[str, Path(pattern=r"^upo_[0-9A-Za-z_-]{43}$")]
NO_COOKIE, USED = "no_cookie", "used"


@router.api_route(f"{SIGN_IN}/{{code}}", methods=["GET", "HEAD"])
async def show_button(code: Code, request: Request) -> Response:
    return _page(request)


@router.post(f"{SIGN_IN}/{{code}}")
async def use_code(code: Code, request: Request, public_api: PublicApiClient, settings: AppSettings) -> Response:
    refuse_cross_site(request, settings.public_url)
    check_is_form(request)
    fields = await read_typed(request)
    if not came_from_our_form(request, str(fields.get(FIELD, ""))):
        return _page(request, 403, NO_COOKIE)
    try:
        await sign_in(request, public_api, code)
    except WrongKey:
        return _page(request, 410, USED)
    return RedirectResponse(HOME, status_code=303)


def _page(request: Request, status: int = 200, error: str = "") -> Response:
    return open_page(request, "sign_in_once.html", status, error=error, **sign_in_fields(request))
