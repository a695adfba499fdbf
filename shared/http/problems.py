"""How failures are answered: as `application/problem+json` (RFC 9457)."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse

from shared.errors import Invalid
from shared.health import Check

log = structlog.get_logger(__name__)
TYPE = "urn:upward:problem:"
MOST_ERRORS = 50
MOST_FIELD, MOST_DETAIL = 200, 500
"""Characters. Names of fields can come from the caller."""
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


class Wrong(Protocol):
    """What pydantic or FastAPI says about values that are not valid."""

    def errors(self) -> Sequence[Any]: ...


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


def field_errors(error: Wrong) -> list[dict[str, str]]:
    """The fields that are wrong and what is wrong with each. The values are not repeated, as they can be personal."""
    return [{"field": ".".join(str(part) for part in found["loc"]), "detail": found["msg"]} for found in error.errors()]


def not_available(detail: str = "This part of Upward is busy; try again in a moment.") -> JSONResponse:
    return problem(503, "not_available", detail, headers={"retry-after": "5"})


def refused(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The problem document of a refusal that has no code of its own but what its status means."""
    code = TITLES.get(status, "error").lower().replace(" ", "_")
    return problem(status, code, detail, headers=headers)


def not_ready(missing: Sequence[str], detail: str) -> JSONResponse:
    """What `/readyz` answers while a process cannot do its work. `missing` are codes (`shared/health.py`)."""
    return problem(503, "not_ready", detail, missing=list(missing), headers={"retry-after": "5"})


async def readiness(checks: Iterable[Check]) -> JSONResponse:
    """What `/readyz` answers: whether the process can do its work, or else what it misses. An API needs Postgres, but
    not Temporal; a worker needs both."""
    missing = [found for found in await asyncio.gather(*(check() for check in checks)) if found is not None]
    if not missing:
        return JSONResponse({"status": "ready"})
    codes = [one.code for one in missing]
    log.warning("readiness.failed", missing=codes)
    return not_ready(codes, " ".join(one.detail for one in missing))


def invalid(error: ValidationError) -> Invalid:
    """Makes an expected failure of pydantic's error about a value that a caller sent."""
    return Invalid("Some fields are not valid; see errors.", errors=field_errors(error))
