"""The FastAPI application around one or more services: health, problems, request ids and one log line a request."""

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
) -> FastAPI:
    """One ASGI application with the routers given. `app.state` holds the database, settings and internal client, and
    `stopping`, the event by which whoever serves the application says that it is to end.

    `webhooks` are described in the OpenAPI document: what others serve and we call.
    """
    app = FastAPI(
        title="Upward",
        description="Reverse-mentoring programs that run themselves.",
        version="1",
        lifespan=lifespan,
        docs_url="/docs",
        redoc_url=None,
        responses=DESCRIBED,
        webhooks=webhooks,
    )
    app.state.database = database
    app.state.settings = settings
    app.state.stopping = asyncio.Event()
    app.state.internal = Internal(settings, app)
    install_problem_handlers(app)
    for router in routers:
        app.include_router(router)
    _add_health(app, database)
    app.middleware("http")(_observe)
    return app


def _add_health(app: FastAPI, database: Database) -> None:
    @app.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", include_in_schema=False, response_model=None)
    async def readyz() -> dict[str, str] | JSONResponse:
        """Ready means that requests can be served, which takes Postgres; Temporal may be away."""
        try:
            async with database.engine.connect() as connection:
                await connection.execute(text("select 1"))
        except Exception as error:
            log.warning("readiness.failed", error=type(error).__name__)
            return problem(503, "not_ready", "The database cannot be reached.")
        return {"status": "ready"}


async def _observe(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    # Bound for this request alone: inside one process, a service that calls another keeps its own ids.
    with bound_contextvars(request_id=str(uuid4())):
        started = time.perf_counter()
        try:
            response = await call_next(request)
        except Exception as error:
            # Only the kind of failure: the message of a database error can quote a row.
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
    """The route's template, never the path itself: paths can hold links' tokens."""
    route: Any = request.scope.get("route")
    return getattr(route, "path", "unmatched")


def _where(error: BaseException) -> list[str]:
    trace, places = error.__traceback__, []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-6:]
