"""The route of pages for those who run programs. Expected failures become pages, and whoever is not signed in is led to
the sign-in page and back."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse

from services.console.admin.forms import TYPED, Interrupted
from services.console.admin.layout import HEADERS, admin_page, open_page
from services.console.admin.signing_in import set_cookies, sign_in_fields
from services.console.admin.visit import SESSION_ENDED, VISIT, NotSignedIn, Visit
from services.console.pages import wants_problem
from services.console.submission import MOST_BYTES
from services.console.words.admin_failures import AWAY, AdminFailure, words_for
from shared.errors import DomainError, NotFound, Unauthorized
from shared.http.problems import problem
from shared.http.receiving import BodyLimits
from shared.http.routing import Route

log = structlog.get_logger(__name__)
SIGN_IN = "/console/sign-in"


class AdminRoute(Route):
    """A route that answers with pages of the console."""

    limits = BodyLimits(most_bytes=2 * MOST_BYTES)  # the form itself is measured when it is read
    headers: Mapping[str, str] = HEADERS

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handle(request)
            except Unauthorized as error:
                response = _not_authenticated(request, error)
            except DomainError as error:
                response = _failed(request, error)
            except RequestValidationError:
                response = _failed(request, NotFound("There is no such page.", code="page_not_found"))
            except httpx.HTTPError as error:
                log.warning("service.unavailable", error=type(error).__name__)
                response = _unavailable(request)
            response.headers.update(self.headers)
            if response.status_code == 503:  # also of a form that is shown again
                response.headers.setdefault("retry-after", "60")
            set_cookies(request, response)
            return response

        return answer


def _not_authenticated(request: Request, error: Unauthorized) -> Response:
    """Whoever is not signed in signs in. Any other refusal is not about them: a service refused the console's own
    credential, or one of the previous version does not know sessions yet. To sign in again would lead here again."""
    if isinstance(error, NotSignedIn) or error.code == SESSION_ENDED:
        return _sign_in_first(request, error)
    log.error("credential.refused", code=error.code)
    return _unavailable(request)


def _sign_in_first(request: Request, error: Unauthorized) -> Response:
    """To the sign-in page, which leads back. Whoever has sent a form signs in within it, so that it is not lost. A file
    cannot be kept: signing in leads back to its form."""
    if wants_problem(request):
        return problem(error.status, error.code, error.detail)
    query = f"?{request.url.query}" if request.url.query else ""
    address = f"{request.url.path}{query}"
    typed, why = (error.typed, error.why) if isinstance(error, Interrupted) else (request.scope.get(TYPED), "")
    if typed is not None:
        kept, fields = typed.multi_items(), sign_in_fields(request)
        response = open_page(request, "sign_in_again.html", 401, action=address, kept=kept, why=why, **fields)
        response.headers["www-authenticate"] = "Bearer"
        return response
    leads_back = request.method in ("GET", "HEAD") or request.headers.get("content-type", "").startswith("multipart/")
    back = address if leads_back else "/console"
    return RedirectResponse(f"{SIGN_IN}?next={quote(back, safe='')}", status_code=303)


def _failed(request: Request, error: DomainError) -> Response:
    """What happened, and what to do now. The error's own text is for callers of the API and is not shown."""
    if wants_problem(request):
        return problem(error.status, error.code, error.detail, **error.extra)
    return _framed(request, error.status, words_for(error))


def _unavailable(request: Request) -> Response:
    if wants_problem(request):
        return problem(503, "not_available", "Try again in a minute.", headers={"retry-after": "60"})
    response = _framed(request, 503, AWAY)
    response.headers["retry-after"] = "60"
    return response


def _framed(request: Request, status: int, failure: AdminFailure) -> Response:
    visit: Visit | None = request.scope.get(VISIT)
    if visit is None:
        return open_page(request, "failure.html", status, failure=failure)
    return admin_page(visit, "failure.html", status, failure=failure)
