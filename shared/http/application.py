"""The FastAPI application of one or more services: health checks, problem documents, and what is done around each
request."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse

from shared.config import Settings
from shared.database import Database
from shared.health import Check, database_check, seldom
from shared.http.internal import Internal
from shared.http.observing import Observed
from shared.http.openapi.description import Described
from shared.http.openapi.docs import install_docs
from shared.http.problems import install_problem_handlers, not_ready
from shared.http.public import PublicApi
from shared.http.routing import Indexed, joined

log = structlog.get_logger(__name__)
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


def add_metrics(app: FastAPI, exposition: Callable[[], Awaitable[str]]) -> None:
    """Serves `/metrics` in the text format of Prometheus. `app.state.measure` is called before, if it is set."""
    app.state.measure = None

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> PlainTextResponse:
        if app.state.measure is not None:
            await app.state.measure()
        return PlainTextResponse(await exposition(), media_type="text/plain; version=0.0.4")


def _add_health(app: FastAPI) -> None:
    @app.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", include_in_schema=False, response_model=None)
    async def readyz() -> dict[str, str] | JSONResponse:
        """Ready means that the process can do its work. An API needs Postgres, but not Temporal; a worker needs
        both."""
        checks: list[Check] = app.state.checks
        missing = [found for found in await asyncio.gather(*(check() for check in checks)) if found is not None]
        if not missing:
            return {"status": "ready"}
        codes = [one.code for one in missing]
        log.warning("readiness.failed", missing=codes)
        return not_ready(codes, " ".join(one.detail for one in missing))
