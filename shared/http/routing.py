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
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from shared.errors import BadRequest
from shared.http.inside import TAKEN, TAKES, hand_over
from shared.http.receiving import BodyLimits, BoundedRequest, TooManyUploads, limits_of

WITHOUT_BODY = {"GET", "HEAD"}
RETRY_SECONDS = 10


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BeforeBody(ABC):
    """A dependency that looks at the headers alone and is asked before the body is received."""

    @abstractmethod
    async def before_body(self, request: Request) -> UUID | None:
        """Returns the organization of the caller, None if there is none. Raises Unauthorized, Forbidden."""


class Route(APIRoute):
    """A route that receives the body last, and within limits. `takes` gives a handler limits of its own."""

    limits: ClassVar[BodyLimits] = BodyLimits()
    """What a handler takes that says nothing else."""

    def get_route_handler(self) -> Handler:
        if self.response_field is not None:
            hand_over(self.response_field)
        handle = _taking(super().get_route_handler())
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


class Indexed:
    """A router that finds the route of a request by the first two parts of its path, as an application has hundreds of
    routes and its own router tries one after the other. Whatever is not found so is left to that one: a wrong method, a
    redirect, an address that does not exist."""

    def __init__(self, router: APIRouter) -> None:
        self._router, self._tries_all = router, router.middleware_stack
        self._known: list[BaseRoute] = []
        self._beginning: dict[tuple[str, ...], list[BaseRoute]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for route in self._which_may_match(scope["path"]):
                match, child = route.matches(scope)
                if match is Match.FULL:
                    scope.setdefault("router", self._router)
                    scope.update(child)
                    await route.handle(scope, receive, send)
                    return
        await self._tries_all(scope, receive, send)

    def _which_may_match(self, path: str) -> list[BaseRoute]:
        """In the order of the router, because the first that matches is taken."""
        if self._known != self._router.routes:
            self._known = list(self._router.routes)
            named = {beginning for route in self._known if (beginning := _beginning(route))}
            self._beginning = {
                one: [route for route in self._known if _beginning(route) in (one, ())] for one in (*named, ())
            }
        found = self._beginning.get(tuple(path.split("/", 3)[1:3]))
        return self._beginning[()] if found is None else found


def _beginning(route: BaseRoute) -> tuple[str, ...]:
    """The first two parts of the path of each request that the route matches. Empty if they are not always the same."""
    parts = tuple(getattr(route, "path", "").split("/", 3)[1:3])
    return () if len(parts) < 2 or any("{" in part for part in parts) else parts


def joined(*routers: APIRouter) -> APIRouter:
    """One router with the routes of all these.

    FastAPI's own `include_router` makes each route anew for each application, which takes longer than a thousand
    requests, and it looks through nested routers twice for each request."""
    made = APIRouter()
    for router in routers:
        made.routes.extend(router.routes)
    return made


def _taking(handle: Handler) -> Handler:
    """A handler whose answer is taken by whoever asked inside this process."""

    async def answer(request: Request) -> Response:
        before = TAKES.set(request.scope.get(TAKEN))
        try:
            return await handle(request)
        finally:
            TAKES.reset(before)

    return answer


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
