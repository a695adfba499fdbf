"""The FastAPI application of one or more services: health checks, problem documents, and a log entry for each
request."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import uuid4

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import text
from structlog.contextvars import bound_contextvars

from shared.config import Settings
from shared.database import Database
from shared.http.description import Described, operation_id
from shared.http.docs import install_docs
from shared.http.internal import Internal
from shared.http.problems import DESCRIBED, install_problem_handlers, problem

log = structlog.get_logger(__name__)
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_application(
    routers: Iterable[APIRouter],
    database: Database,
    settings: Settings,
    lifespan: Lifespan | None = None,
    webhooks: APIRouter | None = None,
    described: Iterable[APIRouter] | None = None,
) -> FastAPI:
    """Makes one ASGI application of these routers. Its `app.state` holds the database, the settings, the internal
    client, and the event `stopping`, which is set when the process is about to end.

    `webhooks` are only described in the OpenAPI document: others serve them, and Upward calls them. The document
    describes the routes of `described`, where other processes serve some of them; by default, those of `routers`.
    """
    app = _application(lifespan, webhooks)
    app.state.database = database
    app.state.settings = settings
    app.state.stopping = asyncio.Event()
    app.state.internal = Internal(settings, app)
    install_problem_handlers(app)
    for router in routers:
        app.include_router(router)
    if described is not None:
        app.whole = _application(None, webhooks)
        for router in described:
            app.whole.include_router(router)
    install_docs(app)
    _add_health(app, database)
    app.middleware("http")(_observe)
    return app


def _application(lifespan: Lifespan | None, webhooks: APIRouter | None) -> Described:
    return Described(
        title="Upward",
        description="Reverse-mentoring programs that run themselves.",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=DESCRIBED,
        generate_unique_id_function=operation_id,
        webhooks=webhooks,
    )


def _add_health(app: FastAPI, database: Database) -> None:
    @app.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", include_in_schema=False, response_model=None)
    async def readyz() -> dict[str, str] | JSONResponse:
        """Ready means that requests can be served. This needs Postgres, but not Temporal."""
        try:
            async with database.engine.connect() as connection:
                await connection.execute(text("select 1"))
        except Exception as error:
            log.warning("readiness.failed", error=type(error).__name__)
            return problem(503, "not_ready", "The database cannot be reached.")
        return {"status": "ready"}


async def _observe(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    # The id is bound for this request alone, as a service may call another one inside the same process.
    with bound_contextvars(request_id=str(uuid4())):
        started = time.perf_counter()
        try:
            response = await call_next(request)
        except Exception as error:
            # The class of the error alone is logged, as the message of a database error can quote a row.
            log.error("request.failed", route=_route(request), error=type(error).__name__, where=_where(error))
            return problem(500, "internal_error")
        log.info(
            "request.answered",
            method=request.method,
            route=_route(request),
            status=response.status_code,
            ms=round((time.perf_counter() - started) * 1000, 1),
        )
        return response


def _route(request: Request) -> str:
    """The template of the route. The path itself is not logged, as it can hold the token of a link."""
    route: Any = request.scope.get("route")
    return getattr(route, "path", "unmatched")


def _where(error: BaseException) -> list[str]:
    trace, places = error.__traceback__, []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-6:]
