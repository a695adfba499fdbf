"""Every page is made here: its template is rendered and escaped, and it gets the headers that keep it private.

A page shows names behind a secret link. Therefore browsers do not keep it, do not tell its address to other sites, do
not show it in a frame, and load only the console's own style sheet for it. Expected failures become pages too. A
caller that asks for JSON and not for HTML gets the problem document instead.
"""

import hashlib
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import httpx
import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from services.console.forms.registry import round_title
from services.console.look import OURS
from services.console.submission import MOST_BYTES
from services.console.words import codes
from services.console.words.failures import NOT_AVAILABLE, Failure, failure_of
from shared.contracts.accounts import ONE_TIME_LABEL
from shared.errors import DomainError, NotFound
from shared.http.problems import problem
from shared.http.receiving import BodyLimits
from shared.http.routing import Route
from shared.language.choosing import accepted, choose
from shared.language.templates import speak
from shared.language.words import Words, words_of

log = structlog.get_logger(__name__)
HERE = Path(__file__).parent
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
}
STATIC = {
    name: ((HERE / "static" / name).read_bytes(), media_type)
    for name, media_type in (
        ("upward.css", "text/css; charset=utf-8"),
        ("admin.css", "text/css; charset=utf-8"),
        ("review.css", "text/css; charset=utf-8"),
        ("console.js", "text/javascript; charset=utf-8"),
        ("upward.svg", "image/svg+xml"),
    )
}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        auto_reload=False,  # or each page looks at the times of a dozen files
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    version = hashlib.sha256(b"".join(content for content, _ in STATIC.values())).hexdigest()[:10]
    environment.globals.update(wording=codes, version=version)
    environment.filters.update(spoken=_spoken, round_title=round_title, key_name=_key_name)
    speak(environment)
    return environment


@pass_context
def _spoken(context: Context, table: Mapping[Any, str]) -> list[tuple[Any, str]]:
    """The codes of a table and their words in the language of the reader, as options of a field."""
    words: Words = context["words"]
    return [(code, words.gettext(message)) for code, message in table.items()]


@pass_context
def _key_name(context: Context, label: str) -> str:
    """What a key is called: by whoever made it, or, the one behind one-time addresses, in the reader's language."""
    words: Words = context["words"]
    return words.gettext(codes.ONE_TIME) if label == ONE_TIME_LABEL else label


ENVIRONMENT = _environment()


def page(template: str, words: Words, status: int = 200, **context: Any) -> HTMLResponse:
    """Renders a template in the language of the words, in our colours unless `brand` names others. A name that the
    context does not contain is a bug and raises."""
    content = ENVIRONMENT.get_template(template).render({"brand": OURS, **context}, words=words)
    return HTMLResponse(content, status, {"content-language": words.language})


def reader_words(request: Request, own: str = "", otherwise: str = "") -> Words:
    """The words in which this reader is answered from now on: in their own language as the directory knows it, or else
    in one that their browser asks for, or else in the language of the program (`otherwise`), or else in English."""
    words = words_of(choose(own, *accepted(request.headers.get("accept-language", "")), otherwise))
    request.state.words = words
    return words


def missing_templates(*names: str) -> list[str]:
    """The names for which there is no template."""
    present = set(ENVIRONMENT.list_templates())
    return [name for name in names if name not in present]


def failure_page(request: Request, failure: Failure) -> HTMLResponse:
    words = getattr(request.state, "words", None) or reader_words(request)
    contact = getattr(request.state, "contact", None)
    brand = getattr(request.state, "brand", OURS)
    response = page("failure.html", words, failure.status, failure=failure, contact=contact, brand=brand)
    response.headers.update(failure.headers)
    return response


class PageRoute(Route):
    """A route that answers with pages. Its failures are pages too, and every answer has the headers above."""

    limits = BodyLimits(most_bytes=2 * MOST_BYTES)  # the form itself is measured when it is read

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handle(request)
            except DomainError as error:
                response = _misconfigured(request) if error.code == "service_only" else _failed(request, error)
            except RequestValidationError:
                response = _failed(request, NotFound("There is no such page.", code="page_not_found"))
            except httpx.HTTPError as error:
                log.warning("service.unavailable", error=type(error).__name__)
                response = _unavailable(request)
            response.headers.update(HEADERS)
            return response

        return answer


def _failed(request: Request, error: DomainError) -> Response:
    if wants_problem(request):
        return problem(error.status, error.code, error.detail, **error.extra)
    return failure_page(request, failure_of(error))


def _misconfigured(request: Request) -> Response:
    """Another service refused the console's own credential. The reader can do nothing about that."""
    log.error("credential.refused")
    return _unavailable(request)


def _unavailable(request: Request) -> Response:
    if wants_problem(request):
        return problem(503, "not_available", "Try again in a minute.", headers=NOT_AVAILABLE.headers)
    return failure_page(request, NOT_AVAILABLE)


def wants_problem(request: Request) -> bool:
    """Whether the caller is a program, which asks for JSON and not for HTML."""
    accept = request.headers.get("accept", "")
    return "json" in accept and "text/html" not in accept
