"""The order in which every route looks at a request: its headers, who calls, how much the caller may do at once, the
declared size, and only then the body.

FastAPI itself reads and parses the body before it asks any dependency. Therefore all routers of services use `Route`.
A dependency that says who calls is a `BeforeBody`; `Route` finds it among the dependencies of its handler and asks it
first. It keeps no connection to the database, so that none is held while something is read from a client.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Scope

from shared.errors import BadRequest
from shared.http.receiving import BodyLimits, BoundedRequest, TooManyUploads, limits_of

WITHOUT_BODY = {"GET", "HEAD"}
RETRY_SECONDS = 10


class BeforeBody(ABC):
    """A dependency that looks at the headers alone and is asked before the body is received."""

    @abstractmethod
    async def before_body(self, request: Request) -> UUID | None:
        """Returns the organization of the caller, None if there is none. Raises Unauthorized, Forbidden."""


class Route(APIRoute):
    """A route that receives the body last, and within limits. `takes` gives a handler limits of its own."""

    limits: ClassVar[BodyLimits] = BodyLimits()
    """What a handler takes that says nothing else."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        first = list(_before_body(self.dependant))
        takes_json = self.body_field is not None

        async def answer(request: Request) -> Response:
            limits = limits_of(self.endpoint, self.limits)
            has_body = request.method not in WITHOUT_BODY
            organization_id: UUID | None = None
            for dependency in first if has_body or limits.at_once is not None else ():
                organization_id = await dependency.before_body(request) or organization_id
            with slot(request, organization_id, limits, self.path_format):
                if not has_body:
                    return await handle(request)
                bounded = BoundedRequest(request.scope, request.receive, limits)
                bounded.check_size()
                try:
                    if takes_json:
                        await bounded.read_json()
                    return await handle(bounded)
                except ClientDisconnect:
                    raise BadRequest("The connection was closed before the body ended.", code="body_cut_off") from None

        return answer

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        words = getattr(self.endpoint, "words", ())
        if match != Match.NONE and any(value in words for value in child.get("path_params", {}).values()):
            return Match.NONE, {}
        return match, child


def joined(*routers: APIRouter) -> APIRouter:
    """One router with the routes of all these.

    FastAPI's own `include_router` makes each route anew for each application, which takes longer than a thousand
    requests, and it looks through nested routers twice for each request."""
    made = APIRouter()
    for router in routers:
        made.routes.extend(router.routes)
    return made


def except_for(*words: str) -> Callable[[Callable[..., Any]], Any]:
    """Says that no parameter in the path of this handler is one of these words, which are routes of their own. So a
    wrong method is answered 405 there, and the word is not taken for an id."""

    def mark(endpoint: Callable[..., Any]) -> Any:
        setattr(endpoint, "words", words)  # noqa: B010 (a function has no such attribute for the type checker)
        return endpoint

    return mark


def _before_body(dependant: Dependant) -> Iterator[BeforeBody]:
    for needed in dependant.dependencies:
        call: object = needed.call
        if isinstance(call, BeforeBody):
            yield call
        yield from _before_body(needed)


@contextmanager
def slot(request: Request, organization_id: UUID | None, limits: BodyLimits, path: str) -> Iterator[None]:
    """Holds one of the organization's slots for this kind of work, which is that of the path unless the limits name
    one. Ids in a path do not count, as callers make those. Raises TooManyUploads when all slots are taken."""
    if limits.at_once is None or organization_id is None:
        yield
        return
    taken: Counter[tuple[UUID, str]] = request.app.state.uploads
    held = (organization_id, limits.work or path)
    if taken[held] >= limits.at_once:
        raise TooManyUploads(
            f"Your organization already sends or reads {limits.at_once} files; wait until one is done.",
            headers={"retry-after": str(RETRY_SECONDS)},
        )
    taken[held] += 1
    try:
        yield
    finally:
        taken[held] -= 1
        if not taken[held]:
            del taken[held]
