"""How failures are answered: as `application/problem+json` (RFC 9457)."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from starlette.exceptions import HTTPException
from starlette.routing import Match

from shared.errors import DomainError, Invalid
from shared.logging import where

log = structlog.get_logger(__name__)
TYPE = "urn:upward:problem:"
MOST_ERRORS = 50
MOST_FIELD, MOST_DETAIL = 200, 500
"""Characters. Names of fields can come from the caller."""
BUSY = {"57014", "55P03", "25P03", "25P04", "40P01", "40001"}
"""The states in which Postgres ends what took too long (shared/database.py), waited too long for another, or was chosen
to give way to another. The same request can succeed a moment later."""
AWAY = ("08", "57P", "53", "58", "25006")
"""How the states begin when the connection failed, Postgres starts or stops, its disk or memory is full or fails, or it
takes no writes, as one that has become a standby. Without a state there was no connection."""
TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    410: "Gone",
    412: "Precondition failed",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid",
    428: "Precondition required",
    429: "Too many requests",
    500: "Internal error",
    503: "Not available",
}


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:upward:problem:` and the code")
    title: str = Field(description="what the status means")
    status: int
    code: str = Field(description="stable; what a program may branch on")
    detail: str = Field(default="", description="what to do, for a human")
    errors: list[dict[str, Any]] = Field(
        default=[], description="with 422: the first 50 of the fields, or of the lines and columns"
    )


DESCRIBED: dict[int | str, dict[str, Any]] = {"4XX": {"description": "The request was refused."}}
"""What the OpenAPI document says about every request, besides the statuses that it names."""


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The statuses with which a route itself refuses a request, for its `responses`. `openapi/description.py` adds
    those that follow from the key, the parameters and the body, and the schema of all of them."""
    return {status: {"description": TITLES[status]} for status in statuses}


def problem(status: int, code: str, detail: str | None = None, **extra: Any) -> JSONResponse:
    """Makes a problem document. Its `type` is `urn:upward:problem:` and the code."""
    document = {"type": TYPE + code, "title": TITLES.get(status, "Error"), "status": status, "code": code}
    if detail:
        document["detail"] = detail
    if "errors" in extra:
        extra |= _listed(extra["errors"], extra.get("total"))
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    headers |= extra.pop("headers", None) or {}
    return JSONResponse(document | extra, status_code=status, headers=headers, media_type="application/problem+json")


def _listed(errors: Sequence[Mapping[str, Any]], total: int | None) -> dict[str, Any]:
    """At most so many errors, each of them short, and how many there are if these are not all."""
    listed = [{name: _short(name, value) for name, value in error.items()} for error in errors[:MOST_ERRORS]]
    count = len(errors) if total is None else total
    return {"errors": listed} | ({"total": count} if total is not None or count > len(listed) else {})


def _short(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    value = value.encode("utf-8", "replace").decode()  # half of a surrogate pair cannot be sent
    most = MOST_FIELD if name == "field" else MOST_DETAIL
    return value if len(value) <= most else value[: most - 1] + "…"


def field_errors(error: ValidationError | RequestValidationError) -> list[dict[str, str]]:
    """The fields that are wrong and what is wrong with each. The values are not repeated, as they can be personal."""
    return [{"field": ".".join(str(part) for part in found["loc"]), "detail": found["msg"]} for found in error.errors()]


def not_available(detail: str = "This part of Upward is busy; try again in a moment.") -> JSONResponse:
    return problem(503, "not_available", detail, headers={"retry-after": "5"})


def not_ready(missing: Sequence[str], detail: str) -> JSONResponse:
    """What `/readyz` answers while a process cannot do its work. `missing` are codes (`shared/health.py`)."""
    return problem(503, "not_ready", detail, missing=list(missing), headers={"retry-after": "5"})


def invalid(error: ValidationError) -> Invalid:
    """Makes an expected failure of pydantic's error about a value that a caller sent."""
    return Invalid("Some fields are not valid; see errors.", errors=field_errors(error))


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
        code = TITLES.get(error.status_code, "error").lower().replace(" ", "_")
        detail, headers = str(error.detail), {name.lower(): value for name, value in (error.headers or {}).items()}
        if error.status_code == 404:
            detail = "There is nothing at this address; /docs lists those that exist."
        elif error.status_code == 405:
            headers["allow"] = ", ".join(_methods_taken(request))
            detail = f"This address takes {headers['allow']} only."
        return problem(error.status_code, code, detail, headers=headers)

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
