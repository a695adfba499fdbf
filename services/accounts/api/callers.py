"""The public API of accounts: the organization, who is calling, signing in and out, sessions, and access keys."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response, Security
from fastapi.responses import JSONResponse
from structlog.contextvars import bind_contextvars

from services.accounts.resources import (
    Key,
    KeyDefinition,
    KeyPage,
    KeyRotation,
    KeyState,
    NewAccessKey,
    OwnSessions,
    RotatedKey,
)
from services.accounts.store import codes, keys, rotating, sessions
from shared.auth import (
    ACCESS_KEY,
    Owner,
    Role,
    Viewer,
    bearer_of,
    caller_address,
    identify_key,
    identify_reading,
    note_uses,
)
from shared.contracts.accounts import CallerDetails, NewSession, Organization
from shared.http.dependencies import IdempotencyKey, Reading, Session
from shared.http.idempotency import Answer, answer_once
from shared.http.paging import Limit
from shared.http.problems import refusals
from shared.http.routing import BeforeBody, Route
from shared.keys import Caller

router = APIRouter(route_class=Route, prefix="/v1")
KeyId = Annotated[str, Path(pattern="^[0-9a-z]{12}$")]
KeyCursor = Annotated[str | None, Query(pattern="^[0-9a-z]{12}$", description="`next` of the page before")]
State = Annotated[KeyState | None, Query(description="all keys if it is left out")]
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
                    identified = await identify_key(session, sent, caller_address(request))
                    found = SigningIn(identified.caller, None)
                    note_uses(request, identified)
            request.scope[FOUND] = found
        bind_contextvars(organization_id=str(found.caller.organization_id), key_id=found.caller.key_id)
        return found

    async def before_body(self, request: Request) -> None:
        await self(request)


# The scope only tells the OpenAPI document which role is needed.
WhoSignsIn = Annotated[SigningIn, Security(SignInNeeded(), scopes=[Role.VIEWER])]


async def _details(request: Request, session: Reading) -> CallerDetails:
    """One statement finds who calls and reads their details."""
    address = caller_address(request)
    found = await identify_reading(request, session, sessions.with_details)
    return sessions.details_of(found, str(address) if address is not None else None)


@router.get("/organization", tags=["programs"])  # the tag names a module of clients that were generated before
async def read_organization(caller: Viewer, session: Session) -> Organization:
    """The organization that the access key belongs to."""
    return await keys.read_organization(session, caller.organization_id)


@router.get("/caller", tags=["accounts"])
async def read_caller(details: Annotated[CallerDetails, Depends(_details)], caller: Viewer) -> CallerDetails:
    """Who is calling, and from which address: the organization, the role, and the session if there is one."""
    return details


@router.post("/session", status_code=201, tags=["accounts"])
async def open_session(who: WhoSignsIn, session: Session) -> NewSession:
    """Changes an access key into a session, whose token is sent as the key is. It ends after 12 hours without use,
    after seven days, when it is ended, and when its key is revoked or expires."""
    if who.code is not None:
        await codes.use_code(session, who.code)
    return await sessions.open_session(session, who.caller)


@router.delete("/session", status_code=204, tags=["accounts"])
async def end_session(caller: Viewer, session: Session) -> Response:
    """Ends the session whose token the request carries. An access key has none, so nothing happens."""
    if caller.session_id is not None:
        await sessions.end_session(session, caller.organization_id, caller.session_id)
    return Response(status_code=204)


@router.get("/sessions", tags=["accounts"])
async def list_sessions(caller: Viewer, session: Session) -> OwnSessions:
    """The sessions that were opened with the access key of the caller, the one that was used last first."""
    return await sessions.list_own(session, caller)


@router.delete("/sessions", status_code=204, tags=["accounts"])
async def end_other_sessions(caller: Viewer, session: Session) -> Response:
    """Ends all sessions that were opened with the access key of the caller, but not the one that asks."""
    await sessions.end_others(session, caller)
    return Response(status_code=204)


@router.delete("/sessions/{session_id}", status_code=204, responses=refusals(404), tags=["accounts"])
async def end_own_session(session_id: UUID, caller: Viewer, session: Session) -> Response:
    """Ends a session that was opened with the access key of the caller. One that has ended is 404."""
    await sessions.end_own(session, caller, session_id)
    return Response(status_code=204)


@router.get("/keys", tags=["accounts"])
async def list_keys(
    caller: Owner, session: Session, state: State = None, cursor: KeyCursor = None, limit: Limit = 50
) -> KeyPage:
    """The access keys of the organization, newest first, without the keys themselves. Expired and revoked ones are
    among them."""
    return await keys.list_keys(session, caller.organization_id, state, cursor, limit)


@router.post("/keys", status_code=201, response_model=NewAccessKey, responses=refusals(409), tags=["accounts"])
async def create_key(
    body: KeyDefinition, caller: Owner, session: Session, request: Request, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Makes an access key of any role, which expires after a year unless the body says otherwise. Only this answer
    shows it. If the organization has 200 valid keys already, none is made."""

    async def work() -> Answer:
        made, key = await keys.make_key(session, caller.organization_id, body)
        document = NewAccessKey(**dict(made)).model_dump(mode="json")
        headers = {"location": f"/v1/keys/{made.id}"}
        return Answer(status=201, body=document, headers=headers, shown_once={"key": key})

    return await answer_once(session, request, caller.organization_id, idempotency_key, work)


@router.get("/keys/{key_id}", responses=refusals(404), tags=["accounts"])
async def read_key(key_id: KeyId, caller: Owner, session: Session) -> Key:
    return await keys.read_key(session, caller.organization_id, key_id)


@router.post(
    "/keys/{key_id}/rotate",
    status_code=201,
    response_model=RotatedKey,
    responses=refusals(404, 409),
    tags=["accounts"],
)
async def rotate_key(
    key_id: KeyId,
    caller: Owner,
    session: Session,
    request: Request,
    body: KeyRotation | None = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Makes a new access key with label, role and networks of this one. Only this answer shows it. The old one is still
    taken for a while, 24 hours unless the body says otherwise, and is then refused."""

    async def work() -> Answer:
        made, key = await rotating.rotate_key(session, caller.organization_id, key_id, body or KeyRotation())
        headers = {"location": f"/v1/keys/{made.id}"}
        return Answer(status=201, body=made.model_dump(mode="json"), headers=headers, shown_once={"key": key})

    return await answer_once(session, request, caller.organization_id, idempotency_key, work)


@router.delete("/keys/{key_id}", status_code=204, responses=refusals(404, 409), tags=["accounts"])
async def revoke_key(key_id: KeyId, caller: Owner, session: Session) -> Response:
    """Refuses the key from now on, and ends its sessions at once. A repeat changes nothing. The last key by which an
    owner can sign in is not revoked (409 `last_owner_key`)."""
    await keys.revoke_but_the_last(session, caller.organization_id, key_id)
    return Response(status_code=204)
