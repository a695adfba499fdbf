"""What a process answers that serves no route: `/livez`, `/readyz` and `/metrics`, and that there is nothing else.

It is Starlette alone: FastAPI, of which workers need nothing, would take as much memory as a whole room of Upward.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from shared.config import Settings
from shared.database import Database
from shared.health import database_check, seldom
from shared.http.internal import Internal
from shared.http.observing import Observed
from shared.http.problems import readiness, refused
from shared.telemetry.metrics import CONTENT_TYPE, Exposition
from upward.release.schema import newest_migration


def create_probes(settings: Settings, database: Database, exposition: Exposition | None) -> Starlette:
    """Its `app.state` holds the client of the internal API, for which no service is in this process, `checks`, which
    say what `/readyz` misses, and `measure`, which is called before `/metrics` is answered, if it is set."""
    app = Starlette(middleware=[Middleware(Observed)], exception_handlers={HTTPException: _refuse})
    app.state.internal = Internal(settings, app)
    app.state.checks = [seldom(database_check(database, newest_migration()))]
    app.state.measure = None

    async def livez(request: Request) -> JSONResponse:
        return JSONResponse({"status": "alive"})

    async def readyz(request: Request) -> JSONResponse:
        return await readiness(app.state.checks)

    app.router.routes += [Route("/livez", livez), Route("/readyz", readyz)]
    if exposition is not None:
        read = exposition

        async def metrics(request: Request) -> PlainTextResponse:
            if app.state.measure is not None:
                await app.state.measure()
            return PlainTextResponse(await read(), media_type=CONTENT_TYPE)

        app.router.routes.append(Route("/metrics", metrics))
    return app


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return refused(error.status_code, "This process serves its probes alone.", error.headers)
