"""The public API of accounts: the organization, who is calling, and signing in and out."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request, Response, Security
from structlog.contextvars import bind_contextvars

from services.accounts.store import codes, keys, sessions
from shared.auth import ACCESS_KEY, Caller, Role, Viewer, authenticate_key, bearer_of
from shared.contracts.accounts import CallerDetails, NewSession, Organization
from shared.http.dependencies import Session
from shared.http.routing import BeforeBody, Route

router = APIRouter(route_class=Route, prefix="/v1")
FOUND = "upward.signing_in"
"""Where the scope of a request keeps who signs in."""


@dataclass(frozen=True)
class SigningIn:
    caller: Caller
    code: str | None
    """The one-time code, if that is what was sent instead of an access key."""


class SignInNeeded(BeforeBody):
    """The dependency that answers 401 to callers who have neither an access key nor a one-time code. A session opens no
    other session, so that none lives longer than it should."""

    async def __call__(self, request: Request, described: Annotated[object, Security(ACCESS_KEY)] = None) -> SigningIn:
        found: SigningIn | None = request.scope.get(FOUND)
        if found is None:
            sent = bearer_of(request.headers.get("authorization", ""))
            async with request.app.state.database.transaction() as session:
                if codes.is_code(sent):
                    found = SigningIn(await codes.authenticate_code(session, sent), sent)
                else:
                    found = SigningIn(await authenticate_key(session, sent), None)
            request.scope[FOUND] = found
        bind_contextvars(organization_id=str(found.caller.organization_id), key_id=found.caller.key_id)
        return found

    async def before_body(self, request: Request) -> None:
        await self(request)


# The scope only tells the OpenAPI document which role is needed.
WhoSignsIn = Annotated[SigningIn, Security(SignInNeeded(), scopes=[Role.VIEWER])]


@router.get("/organization", tags=["programs"])  # the tag names a module of clients that were generated before
async def read_organization(caller: Viewer, session: Session) -> Organization:
    """The organization that the access key belongs to."""
    return await keys.read_organization(session, caller.organization_id)


@router.get("/caller", tags=["accounts"])
async def read_caller(caller: Viewer, session: Session) -> CallerDetails:
    """Who is calling: the organization, the role, and the session if there is one."""
    return await sessions.read_caller(session, caller)


@router.post("/session", status_code=201, tags=["accounts"])
async def open_session(who: WhoSignsIn, session: Session) -> NewSession:
    """Changes an access key into a session, whose token is sent as the key is. It ends after 12 hours without use,
    after seven days, when it is ended, and when its key is revoked."""
    if who.code is not None:
        await codes.use_code(session, who.code)
    return await sessions.open_session(session, who.caller)


@router.delete("/session", status_code=204, tags=["accounts"])
async def end_session(caller: Viewer, session: Session) -> Response:
    """Ends the session whose token the request carries. An access key has none, so nothing happens."""
    if caller.session_id is not None:
        await sessions.end_session(session, caller.organization_id, caller.session_id)
    return Response(status_code=204)
