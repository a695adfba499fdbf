"""What is done around every request: an id, a log entry with the caller, headers that keep answers private, and what
is done once the answer is sent.

This is plain ASGI, so that the handler runs in the same context as the log entry, which then has the organization and
the key that the handler found.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from shared.database import reading_together
from shared.http.problems import problem
from shared.logging import where
from shared.telemetry.metrics import REGISTRY, REQUESTS
from shared.telemetry.spans import TRACEPARENT, span
from shared.tracing import REQUEST_ID, ids_in, request_id_of

log = structlog.get_logger(__name__)
PRIVATE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
"""Every answer has these headers, unless its handler gave it others: answers are for their caller, and no browser
guesses what they are."""
READING = {"GET", "HEAD", "OPTIONS"}
METHODS = READING | {"POST", "PUT", "PATCH", "DELETE"}
PUBLIC = "/v1/"
"""Whoever changes something here is an admin or an integration, and each change has a log entry with its ids."""


Work = Callable[[], Awaitable[None]]
AFTERWARDS_SECONDS = 5.0
"""How long one piece of work after an answer may take."""
_afterwards: ContextVar[dict[str, Work] | None] = ContextVar("afterwards", default=None)


def after_answer(what: str, work: Work) -> None:
    """Has this done once the answer is sent, that of the page if a page has asked for it inside this process. It is
    done once, whoever asks for the same. If it fails, nobody is told but the log. Without a request nothing is done."""
    if (works := _afterwards.get()) is not None:
        works[what] = work


class Observed:
    """An application whose requests are logged, and whose unexpected failures are answered with a problem."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(Headers(scope=scope).get(REQUEST_ID))
        with _context_of_its_own(request_id):
            async with _with_afterwards(), reading_together():
                await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = time.perf_counter(), 0

        async def send_privately(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in PRIVATE.items():
                    headers.setdefault(name, value)
                headers[REQUEST_ID] = get_contextvars()["request_id"]
            await send(message)

        parent, method = Headers(scope=scope).get(TRACEPARENT), _method(scope)
        try:
            with span(method, kind="server", parent=parent) as made:
                try:
                    await self._app(scope, receive, send_privately)
                finally:
                    made.rename(f"{method} {_route(scope)}")
                made.note(status=status)
        except Exception as error:
            REGISTRY.observe(REQUESTS, time.perf_counter() - started, method, _route(scope), "5xx")
            # The class of the error alone is logged, as the message of a database error can quote a row.
            log.error("request.failed", route=_route(scope), error=type(error).__name__, where=where(error))
            if status:
                raise  # half an answer cannot be mended; the server closes the connection
            await problem(500, "internal_error")(scope, receive, send_privately)
            return
        seconds = time.perf_counter() - started
        REGISTRY.observe(REQUESTS, seconds, method, _route(scope), f"{status // 100}xx")
        ids = ids_in(scope.get("path_params") or {})
        if scope["method"] not in READING and status < 400 and _route(scope).startswith(PUBLIC):
            log.info("action.taken", action=getattr(scope["route"], "name", ""), **ids)
        log.info(
            "request.answered",
            method=method,
            route=_route(scope),
            status=status,
            ms=round(seconds * 1000, 1),
            **({"cycle_id": ids["cycle_id"]} if "cycle_id" in ids else {}),
        )


@asynccontextmanager
async def _with_afterwards() -> AsyncIterator[None]:
    """Collects what is to be done after the answer, and then does it. A request inside another one leaves it to that
    one, which waits for its answer."""
    if _afterwards.get() is not None:
        yield
        return
    works: dict[str, Work] = {}
    before = _afterwards.set(works)
    try:
        yield
    finally:
        _afterwards.reset(before)
    for work in works.values():
        try:
            async with asyncio.timeout(AFTERWARDS_SECONDS):
                await work()
        except Exception as error:  # the answer is sent, so that nobody else can be told
            log.warning("afterwards.failed", error=type(error).__name__)


@contextmanager
def _context_of_its_own(request_id: str) -> Iterator[None]:
    """What the request binds for its log entries is forgotten with it, as a service may call another one inside the
    same process, and task."""
    before = get_contextvars()
    bind_contextvars(request_id=request_id)
    try:
        yield
    finally:
        clear_contextvars()
        bind_contextvars(**before)


def _method(scope: Scope) -> str:
    """The method, unless a caller has invented it: it stands in logs, metrics and traces."""
    return scope["method"] if scope["method"] in METHODS else "other"


def _route(scope: Scope) -> str:
    """The template of the route. The path itself is not logged, as it can hold the token of a link."""
    route: Any = scope.get("route")
    return getattr(route, "path", "unmatched")
