"""The FastAPI application of one or more services: health checks, problem documents, and what is done around each
request."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager

import httpx
import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from starlette.exceptions import HTTPException
from starlette.routing import Match

from shared.config import Settings
from shared.database import Database
from shared.errors import DomainError
from shared.health import database_check, seldom
from shared.http.internal import Internal
from shared.http.observing import Observed
from shared.http.openapi.description import Described
from shared.http.openapi.docs import install_docs
from shared.http.problems import field_errors, not_available, problem, readiness, refused
from shared.http.public import PublicApi
from shared.http.routing import Indexed, joined
from shared.logging import where
from shared.telemetry.metrics import CONTENT_TYPE, Exposition

log = structlog.get_logger(__name__)
BUSY = {"57014", "55P03", "25P03", "25P04", "40P01", "40001"}
"""The states in which Postgres ends what took too long (shared/database.py), waited too long for another, or was chosen
to give way to another. The same request can succeed a moment later."""
AWAY = ("08", "57P", "53", "58", "25006")
"""How the states begin when the connection failed, Postgres starts or stops, its disk or memory is full or fails, or it
takes no writes, as one that has become a standby. Without a state there was no connection."""
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_application(
    routers: Iterable[APIRouter],
    database: Database,
    settings: Settings,
    lifespan: Lifespan | None = None,
    webhooks: Iterable[APIRouter] = (),
    described: Iterable[APIRouter] | None = None,
    migration: str | None = None,
) -> FastAPI:
    """Makes one ASGI application of these routers. Its `app.state` holds the database, the settings, the clients of the
    internal and of the public API, the event `stopping`, which is set when the process is about to end, `uploads`,
    which counts the uploads that each organization has under way, and `checks`, which say what `/readyz` misses.

    `webhooks` are only described in the OpenAPI document: others serve them, and Upward calls them. The document
    describes the routes of `described`, where other processes serve some of them; by default, those of `routers`. Both
    are iterated only when somebody asks for the document. `migration` is the one that the database must have.
    """
    served = joined(*routers)
    app = Described(
        described=[served] if described is None else described,
        title="Upward",
        description="Reverse-mentoring programs that run themselves.",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        called=webhooks,
    )
    app.state.database = database
    app.state.settings = settings
    app.state.stopping = asyncio.Event()
    app.state.internal = Internal(settings, app)
    app.state.public_api = PublicApi(app.state.internal)
    app.state.uploads = Counter()
    install_problem_handlers(app)
    app.router.routes.extend(served.routes)
    install_docs(app)
    app.state.checks = [seldom(database_check(database, migration))]
    _add_health(app)
    app.router.middleware_stack = Indexed(app.router)
    app.add_middleware(Observed)
    return app


def add_metrics(app: FastAPI, exposition: Exposition) -> None:
    """Serves `/metrics` in the text format of Prometheus. `app.state.measure` is called before, if it is set."""
    app.state.measure = None

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> PlainTextResponse:
        if app.state.measure is not None:
            await app.state.measure()
        return PlainTextResponse(await exposition(), media_type=CONTENT_TYPE)


def _add_health(app: FastAPI) -> None:
    @app.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", include_in_schema=False, response_model=None)
    async def readyz() -> JSONResponse:
        return await readiness(app.state.checks)


def install_problem_handlers(app: FastAPI) -> None:
    @app.exception_handler(DomainError)
    async def expected(request: Request, error: DomainError) -> JSONResponse:
        return problem(error.status, error.code, error.detail, **error.extra)

    @app.exception_handler(RequestValidationError)
    async def not_valid(request: Request, error: RequestValidationError) -> JSONResponse:
        return problem(422, "invalid", "Some fields are not valid; see errors.", errors=field_errors(error))

    @app.exception_handler(httpx.HTTPError)
    async def service_away(request: Request, error: httpx.HTTPError) -> JSONResponse:
        log.warning("service.unavailable", error=type(error).__name__, where=where(error))
        return not_available("Another part of Upward does not answer just now; try again in a moment.")

    @app.exception_handler(NoConnectionFree)
    async def no_connection(request: Request, error: NoConnectionFree) -> JSONResponse:
        log.warning("database.busy", error=type(error).__name__, where=where(error))
        return not_available()

    @app.exception_handler(DBAPIError)
    async def database_failed(request: Request, error: DBAPIError) -> JSONResponse:
        state = getattr(error.orig, "sqlstate", None)
        lost = isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
        away = lost if state is None else state.startswith(AWAY)
        if state not in BUSY and not away:
            raise error
        log.warning("database.busy", state=state, where=where(error))
        return not_available()

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> JSONResponse:
        detail, headers = str(error.detail), {name.lower(): value for name, value in (error.headers or {}).items()}
        if error.status_code == 404:
            detail = "There is nothing at this address; /docs lists those that exist."
        elif error.status_code == 405:
            headers["allow"] = ", ".join(_methods_taken(request))
            detail = f"This address takes {headers['allow']} only."
        return refused(error.status_code, detail, headers)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        return problem(500, "internal_error")


def _methods_taken(request: Request) -> list[str]:
    """All methods that the routes at the request's address take. The framework would name those of one route only."""
    routes = request.app.router.routes
    return [
        method
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
