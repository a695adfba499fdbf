"""Authentication: who is calling, somebody with an access key or a session, or one of Upward's own services.

Whoever signs in changes an access key (`shared/keys.py`) into a session (`shared/sessions.py`), whose token every
service takes as it takes a key. Only `services/accounts` makes and ends both. Their tables are declared in `shared`
because every service authenticates its own callers, and apart from this module, as workers need no route.

That a key or a session was used is noted once the answer is sent, so that nobody waits for it, and no request fails
because it could not be noted.
"""

import hmac
from collections.abc import Callable, Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPBearer
from sqlalchemy import ColumnElement, DateTime, Select, Update, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.contextvars import bind_contextvars

from shared.contracts.accounts import Role as Role
from shared.contracts.base import Contract
from shared.database import Database
from shared.errors import Forbidden, Unauthorized
from shared.http.inside import IDENTIFIED, Identified
from shared.http.observing import after_answer
from shared.http.routing import WITHOUT_BODY, BeforeBody
from shared.keys import (
    AccessKey,
    Address,
    Caller,
    address_in,
    has_expired,
    hash_key,
    is_valid,
    is_within,
    key_id_of,
)
from shared.sessions import NOTED_EVERY, SessionRow, hash_token, is_alive, is_session_token
from shared.tracing import ids_in

ACCESS_KEY = HTTPBearer(
    scheme_name="accessKey",
    bearerFormat="upw_…",
    description=(
        "An access key of your organization, made by an owner or by `upward keys create`, or the token of a session, "
        "which `POST /v1/session` gives for a key. Each operation names the lowest role that its caller needs: viewer, "
        "coordinator, admin or owner. Each role may do what those before it may."
    ),
    auto_error=False,
)
"""What the OpenAPI document says about signing in. `RoleNeeded` reads the header itself."""
CALLER = "upward.caller"
"""Where the scope of a request keeps who calls."""
THIS_HOUR = func.date_trunc("hour", func.now(), type_=DateTime(timezone=True))
Reading = Callable[[Select[*tuple[Any, ...]]], Select[*tuple[Any, ...]]]


class InternalCaller(Contract):
    """One of Upward's services, acting for one organization."""

    organization_id: UUID


def _as_it_is(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return query


class Found(NamedTuple):
    caller: Caller
    session: SessionRow | None = None
    more: tuple[Any, ...] = ()
    """What the same statement has read besides."""
    uses: Mapping[str, Update] = MappingProxyType({})
    """The statements that note that the key and the session were used, by what they note. Mostly there are none."""


async def authenticate(session: AsyncSession, credential: str, address: Address | None = None) -> Caller:
    """Finds the caller who has this access key or this session, and calls from this address.

    Raises Unauthorized, Forbidden."""
    return (await identify(session, credential, address)).caller


async def identify(
    session: AsyncSession, credential: str, address: Address | None, reading: Reading = _as_it_is
) -> Found:
    """Finds the caller who has this access key or this session. `reading` adds columns to the statement, which has
    the key. Raises Unauthorized, and Forbidden if the key is not taken from this address."""
    if is_session_token(credential):
        return await _identify_session(session, credential, address, reading)
    return await identify_key(session, credential, address, reading)


async def identify_key(session: AsyncSession, key: str, address: Address | None, reading: Reading = _as_it_is) -> Found:
    """Finds the caller who has this access key. Raises as `identify`."""
    refused = Unauthorized("Send a valid access key as 'Authorization: Bearer upw_…'.", code="invalid_access_key")
    key_id = key_id_of(key)
    if key_id is None:
        raise refused
    one = (await session.execute(_of_key(reading), {"key_id": key_id})).one_or_none()
    if one is None or not hmac.compare_digest(one[0].key_hash, hash_key(key)):
        raise refused
    row, is_over, is_due, *more = one
    if is_over:
        raise Unauthorized("This access key has expired; an owner can make another one.", code="access_key_expired")
    _check_network(row, address)
    caller = Caller(organization_id=row.organization_id, key_id=row.id, role=Role(row.role))
    return Found(caller, more=tuple(more), uses=_uses_of_key(row) if is_due else {})


async def _identify_session(session: AsyncSession, token: str, address: Address | None, reading: Reading) -> Found:
    """Finds the caller who has this session. Raises as `identify`."""
    one = (await session.execute(_of_session(reading), {"token_hash": hash_token(token)})).one_or_none()
    if one is None:
        raise Unauthorized("This session has ended; sign in again.", code="session_ended")
    row, key, is_due, is_key_due, *more = one
    _check_network(key, address)
    uses = (_uses_of_session(row) if is_due else {}) | (_uses_of_key(key) if is_key_due else {})
    caller = Caller(organization_id=key.organization_id, key_id=key.id, role=Role(key.role), session_id=row.id)
    return Found(caller, row, tuple(more), uses)


def _check_network(key: AccessKey, address: Address | None) -> None:
    """Raises Forbidden. Whoever gets so far has the key, and may learn that it is their network which is refused."""
    if not is_within(address, key.networks):
        raise Forbidden("This access key is not taken from your network.", code="network_not_allowed")


@cache
def _of_key(reading: Reading) -> Select[*tuple[Any, ...]]:
    """These two are made once, as every request needs one of them."""
    query = select(AccessKey, has_expired(), _is_due())
    return reading(query.where(AccessKey.id == bindparam("key_id"), AccessKey.revoked_at.is_(None)))


@cache
def _of_session(reading: Reading) -> Select[*tuple[Any, ...]]:
    query = (
        select(SessionRow, AccessKey, _is_not_noted(), _is_due())
        .join(AccessKey, AccessKey.id == SessionRow.key_id)
        .where(SessionRow.token_hash == bindparam("token_hash"), is_alive(), is_valid())
    )
    return reading(query)


def _is_not_noted() -> ColumnElement[bool]:
    return SessionRow.last_used_at < func.now() - NOTED_EVERY


def _is_due() -> ColumnElement[bool]:
    """The condition that this hour has not been noted yet as that in which a key was used."""
    return func.coalesce(AccessKey.last_used_at < THIS_HOUR, True)


def _uses_of_key(key: AccessKey) -> dict[str, Update]:
    due = select(AccessKey.id).where(AccessKey.id == key.id, _is_due()).with_for_update(skip_locked=True)
    return {f"key {key.id}": update(AccessKey).where(AccessKey.id.in_(due)).values(last_used_at=THIS_HOUR)}


def _uses_of_session(row: SessionRow) -> dict[str, Update]:
    due = select(SessionRow.id).where(SessionRow.id == row.id, _is_not_noted()).with_for_update(skip_locked=True)
    return {f"session {row.id}": update(SessionRow).where(SessionRow.id.in_(due)).values(last_used_at=func.now())}


def note_uses(request: Request, found: Found) -> None:
    """Has it noted, once the answer is sent, that the key and the session were used. Of several requests at once, one
    writes, and none waits for another."""
    database: Database = request.app.state.database
    for what, statement in found.uses.items():
        after_answer(what, partial(_note, database, statement))


async def _note(database: Database, statement: Update) -> None:
    async with database.single_statements() as session:
        await session.execute(statement.execution_options(synchronize_session=False))


def caller_address(request: Request) -> Address | None:
    """The address from which the request came, as the proxies say that are trusted (`UPWARD_TRUSTED_PROXIES`)."""
    return address_in(request.client.host) if request.client is not None else None


class RoleNeeded(BeforeBody):
    """The dependency that answers 401 to callers without a valid key or session, and 403 to those whose role does not
    cover `role` or whose key is not taken from their network. It reads the key in a transaction of its own, which ends
    before anything else is read from the client."""

    def __init__(self, role: Role) -> None:
        self._role = role

    async def __call__(self, request: Request, described: Annotated[object, Security(ACCESS_KEY)] = None) -> Caller:
        return await self._identify(request)

    async def _identify(self, request: Request) -> Caller:
        caller = await current_caller(request)
        if not caller.role.covers(self._role):
            raise Forbidden(f"This needs the role {self._role.value} or higher.", code="role_too_low")
        return caller

    async def before_body(self, request: Request) -> UUID:
        return (await self._identify(request)).organization_id


async def current_caller(request: Request) -> Caller:
    """Who calls, read once a request. Raises Unauthorized, and Forbidden for a key of another network."""
    found: Caller | None = request.scope.get(CALLER)
    if found is None:
        request.scope[CALLER] = found = await _identify(request)
    of_session = {"session_id": str(found.session_id)} if found.session_id is not None else {}
    of_cycle = {name: id for name, id in ids_in(request.path_params).items() if name == "cycle_id"}
    bind_contextvars(organization_id=str(found.organization_id), key_id=found.key_id, **of_session, **of_cycle)
    return found


async def _identify(request: Request) -> Caller:
    credential = bearer_of(request.headers.get("authorization", ""))
    before: Identified | None = request.scope.get(IDENTIFIED)
    if before is not None and request.method in WITHOUT_BODY:
        known: Caller | None = before.caller_of(credential)
        if known is not None:
            return known
    async with request.app.state.database.single_statements() as session:
        found = await identify(session, credential, caller_address(request))
    _keep(request, credential, found)
    return found.caller


async def identify_reading(request: Request, session: AsyncSession, reading: Reading) -> Found:
    """Who calls, always read anew, with what `reading` adds to the statement. Raises Unauthorized, Forbidden."""
    credential = bearer_of(request.headers.get("authorization", ""))
    found = await identify(session, credential, caller_address(request), reading)
    request.scope[CALLER] = found.caller
    _keep(request, credential, found)
    return found


def _keep(request: Request, credential: str, found: Found) -> None:
    """Whom the page that asks has identified, and that the key was used."""
    note_uses(request, found)
    before: Identified | None = request.scope.get(IDENTIFIED)
    if before is not None:
        before.keep(credential, found.caller)


class ServiceNeeded(BeforeBody):
    """The dependency that answers 401 unless the call carries the service credential and names its organization."""

    async def __call__(
        self,
        request: Request,
        authorization: Annotated[str, Header()] = "",
        upward_organization: Annotated[UUID | None, Header()] = None,
    ) -> InternalCaller:
        await self.before_body(request)
        assert upward_organization is not None, "before_body has seen that the header is there"
        bind_contextvars(organization_id=str(upward_organization))
        return InternalCaller(organization_id=upward_organization)

    async def before_body(self, request: Request) -> None:
        """Raises Unauthorized. Whether the organization is an id is checked with the other values, as services alone
        get so far."""
        expected = request.app.state.settings.service_token.get_secret_value()
        given = bearer_of(request.headers.get("authorization", ""))
        if (
            not expected
            or not hmac.compare_digest(given.encode(), expected.encode())
            or "upward-organization" not in request.headers
        ):
            raise Unauthorized("This address is for Upward's own services.", code="service_only")


# The scopes only tell the OpenAPI document which role is needed.
Viewer = Annotated[Caller, Security(RoleNeeded(Role.VIEWER), scopes=[Role.VIEWER])]
Coordinator = Annotated[Caller, Security(RoleNeeded(Role.COORDINATOR), scopes=[Role.COORDINATOR])]
Admin = Annotated[Caller, Security(RoleNeeded(Role.ADMIN), scopes=[Role.ADMIN])]
Owner = Annotated[Caller, Security(RoleNeeded(Role.OWNER), scopes=[Role.OWNER])]
ServiceCaller = Annotated[InternalCaller, Depends(ServiceNeeded())]


def bearer_of(header: str) -> str:
    """What an `Authorization: Bearer` header holds. Empty for every other header."""
    scheme, _, value = header.partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""
