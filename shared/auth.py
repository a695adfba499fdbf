"""Authentication: who is calling, somebody with an access key or a session, or one of Upward's own services.

An access key has the form `upw_<key id>_<secret><checksum>`. The key id is that of the stored row, the secret has 256
random bits, and the checksum (CRC-32, base 36) shows that a text is a key: secret scanners find keys by it, and a
mistyped key is refused without a look into the database. Only the SHA-256 of the whole key is stored; a slow hash
would add nothing to 256 random bits. Whoever signs in changes a key into a session (`shared/sessions.py`), whose token
every service takes as it takes a key. Only `services/accounts` writes the tables of organizations and keys. They are
declared here because every service authenticates its own callers.
"""

import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPBearer
from sqlalchemy import ColumnElement, DateTime, Select, UniqueConstraint, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from structlog.contextvars import bind_contextvars

from shared.contracts.accounts import Role as Role
from shared.contracts.base import Contract
from shared.database import Base
from shared.errors import Forbidden, Unauthorized
from shared.http.inside import IDENTIFIED, Identified
from shared.http.routing import WITHOUT_BODY, BeforeBody
from shared.sessions import NOTED_EVERY, SessionRow, hash_token, is_alive, is_session_token
from shared.tracing import ids_in

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
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
KEY = re.compile(r"^upw_([0-9a-z]{12})_([0-9a-f]{64})([0-9a-z]{7})$")


class OrganizationRow(Base):
    """An organization. Everything else in the database belongs to one."""

    __tablename__ = "organization"
    __table_args__ = (UniqueConstraint("name"), {"schema": "programs"})

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AccessKey(Base):
    __tablename__ = "access_key"
    __table_args__ = {"schema": "programs"}

    id: Mapped[str] = mapped_column(primary_key=True)
    """The key id, which is the part of the key that may be shown."""
    organization_id: Mapped[UUID]
    role: Mapped[str]
    label: Mapped[str]
    key_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    """The hour in which it was used last, itself or by a session, so that at most one request an hour writes it."""


class NewKey(Contract):
    key: str
    id: str
    key_hash: str


class Caller(Contract):
    organization_id: UUID
    key_id: str
    role: Role
    session_id: UUID | None = None
    """The session, if the caller has signed in."""


class InternalCaller(Contract):
    """One of Upward's services, acting for one organization."""

    organization_id: UUID


def new_key() -> NewKey:
    """Makes a new access key. Its `key` is shown once and never stored."""
    key_id = "".join(secrets.choice(ALPHABET) for _ in range(12))
    body = f"upw_{key_id}_{secrets.token_hex(32)}"
    key = body + _checksum(body)
    return NewKey(key=key, id=key_id, key_hash=hash_key(key))


def hash_key(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def key_id_of(key: str) -> str | None:
    """The key id, if the text has the form of a key; None otherwise."""
    found = KEY.match(key)
    if found is None or not hmac.compare_digest(_checksum(key[:-7]), found[3]):
        return None
    return found[1]


def _as_it_is(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return query


class Found(NamedTuple):
    caller: Caller
    session: SessionRow | None = None
    more: tuple[Any, ...] = ()
    """What the same statement has read besides."""


async def authenticate(session: AsyncSession, credential: str) -> Caller:
    """Finds the caller who has this access key or this session. Raises Unauthorized."""
    return (await identify(session, credential)).caller


async def authenticate_key(session: AsyncSession, key: str) -> Caller:
    """Finds the caller who has this access key. Raises Unauthorized."""
    return (await _identify_key(session, key)).caller


async def identify(session: AsyncSession, credential: str, reading: Reading = _as_it_is) -> Found:
    """Finds the caller who has this access key or this session. `reading` adds columns to the statement, which has
    the key. Raises Unauthorized."""
    if is_session_token(credential):
        return await _identify_session(session, credential, reading)
    return await _identify_key(session, credential, reading)


async def _identify_key(session: AsyncSession, key: str, reading: Reading = _as_it_is) -> Found:
    refused = Unauthorized("Send a valid access key as 'Authorization: Bearer upw_…'.", code="invalid_access_key")
    key_id = key_id_of(key)
    if key_id is None:
        raise refused
    one = (await session.execute(_of_key(reading), {"key_id": key_id})).one_or_none()
    if one is None or not hmac.compare_digest(one[0].key_hash, hash_key(key)):
        raise refused
    row, is_due, *more = one
    if is_due:
        await _note_use(session, row.id)
    caller = Caller(organization_id=row.organization_id, key_id=row.id, role=Role(row.role))
    return Found(caller, more=tuple(more))


async def _identify_session(session: AsyncSession, token: str, reading: Reading) -> Found:
    """Finds the caller who has this session, and notes that it is used. Raises Unauthorized."""
    one = (await session.execute(_of_session(reading), {"token_hash": hash_token(token)})).one_or_none()
    if one is None:
        raise Unauthorized("This session has ended; sign in again.", code="session_ended")
    row, key, is_due, is_key_due, *more = one
    if is_due:
        used = update(SessionRow).where(SessionRow.id == row.id, _is_not_noted()).values(last_used_at=func.now())
        await session.execute(used.execution_options(synchronize_session=False))
    if is_key_due:
        await _note_use(session, key.id)
    caller = Caller(organization_id=key.organization_id, key_id=key.id, role=Role(key.role), session_id=row.id)
    return Found(caller, row, tuple(more))


@cache
def _of_key(reading: Reading) -> Select[*tuple[Any, ...]]:
    """These two are made once, as every request needs one of them."""
    query = select(AccessKey, _is_due()).where(AccessKey.id == bindparam("key_id"), AccessKey.revoked_at.is_(None))
    return reading(query)


@cache
def _of_session(reading: Reading) -> Select[*tuple[Any, ...]]:
    query = (
        select(SessionRow, AccessKey, _is_not_noted(), _is_due())
        .join(AccessKey, AccessKey.id == SessionRow.key_id)
        .where(SessionRow.token_hash == bindparam("token_hash"), is_alive(), AccessKey.revoked_at.is_(None))
    )
    return reading(query)


def _is_not_noted() -> ColumnElement[bool]:
    return SessionRow.last_used_at < func.now() - NOTED_EVERY


def _is_due() -> ColumnElement[bool]:
    """The condition that this hour has not been noted yet as that in which a key was used."""
    return func.coalesce(AccessKey.last_used_at < THIS_HOUR, True)


async def _note_use(session: AsyncSession, key_id: str) -> None:
    """Of several requests at once, one writes."""
    used = update(AccessKey).where(AccessKey.id == key_id, _is_due()).values(last_used_at=THIS_HOUR)
    await session.execute(used.execution_options(synchronize_session=False))


class RoleNeeded(BeforeBody):
    """The dependency that answers 401 to callers without a valid key or session, and 403 to those whose role does not
    cover `role`. It reads the key in a transaction of its own, which ends before anything else is read from the
    client."""

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
    """Who calls, read once a request. Raises Unauthorized."""
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
        found = await authenticate(session, credential)
    _keep(request, credential, found)
    return found


async def identify_reading(request: Request, session: AsyncSession, reading: Reading) -> Found:
    """Who calls, always read anew, with what `reading` adds to the statement. Raises Unauthorized."""
    credential = bearer_of(request.headers.get("authorization", ""))
    found = await identify(session, credential, reading)
    request.scope[CALLER] = found.caller
    _keep(request, credential, found.caller)
    return found


def _keep(request: Request, credential: str, caller: Caller) -> None:
    before: Identified | None = request.scope.get(IDENTIFIED)
    if before is not None:
        before.keep(credential, caller)


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


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 36)
        digits = ALPHABET[digit] + digits
    return digits.rjust(7, "0")
