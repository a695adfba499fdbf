"""SQL of organizations and their access keys. `shared.auth` finds the caller who has a key, and notes its use."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, Select, and_, delete, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.accounts.resources import A_YEAR, MOST_DAYS, Key, KeyDefinition, KeyPage, KeyState, Networks
from shared.contracts.accounts import ONE_TIME_LABEL, Organization, Role
from shared.contracts.text import Name
from shared.errors import Conflict, Invalid, NotFound
from shared.http.lists import unknown_cursor
from shared.keys import AccessKey, NewKey, OrganizationRow, has_expired, is_valid, key_id_of, new_key
from shared.sessions import SessionRow, is_alive

log = structlog.get_logger(__name__)
NAME: TypeAdapter[str] = TypeAdapter(Name)
NETWORKS: TypeAdapter[tuple[str, ...]] = TypeAdapter(Networks)
STATES: dict[KeyState, ColumnElement[bool]] = {
    KeyState.VALID: is_valid(),
    KeyState.EXPIRED: and_(AccessKey.revoked_at.is_(None), has_expired()),
    KeyState.REVOKED: AccessKey.revoked_at.is_not(None),
}
MOST_KEYS = 200
"""How many keys of an organization may be valid at the same time."""


class OrganizationNotFound(NotFound):
    code = "organization_not_found"


class KeyNotFound(NotFound):
    code = "access_key_not_found"


class LastOwnerKey(Conflict):
    code = "last_owner_key"


class TooManyKeys(Conflict):
    code = "too_many_keys"


async def find_organization(session: AsyncSession, name: str) -> UUID:
    """The organization of exactly this name. Raises Invalid, OrganizationNotFound."""
    found = await session.scalar(select(OrganizationRow.id).where(OrganizationRow.name == _clean(name, "name")))
    if found is None:
        raise OrganizationNotFound("There is no organization of this name.")
    return found


async def find_or_create_organization(session: AsyncSession, name: str) -> UUID:
    """The organization of this name, which is created if there is none. Two callers at once get the same one.

    Raises Invalid.
    """
    created = await session.scalar(
        insert(OrganizationRow)
        .values(id=uuid4(), name=_clean(name, "name"))
        .on_conflict_do_nothing(index_elements=[OrganizationRow.name])
        .returning(OrganizationRow.id)
    )
    if created is not None:
        log.info("organization.created", organization_id=str(created))
    return await find_organization(session, name)


async def newest_organization(session: AsyncSession) -> UUID | None:
    """The organization that was created last; None if there is none."""
    newest = select(OrganizationRow.id).order_by(OrganizationRow.created_at.desc(), OrganizationRow.id).limit(1)
    return await session.scalar(newest)


async def read_organization(session: AsyncSession, organization_id: UUID) -> Organization:
    """Raises OrganizationNotFound."""
    row = await session.get(OrganizationRow, organization_id)
    if row is None:
        raise OrganizationNotFound("There is no such organization.")
    return Organization(id=row.id, name=row.name)


async def create_access_key(
    session: AsyncSession,
    organization_id: UUID,
    role: Role,
    label: str,
    valid_days: int = A_YEAR,
    networks: Sequence[str] = (),
) -> str:
    """Creates a key and returns it. It cannot be shown again later. Raises Invalid, OrganizationNotFound."""
    label = _clean(label, "label")
    if label == ONE_TIME_LABEL:
        told = {"field": "body.label", "detail": "is the label of the key that one-time addresses stand for"}
        raise Invalid("Give the key another label; see errors.", errors=[told])
    if not 1 <= valid_days <= MOST_DAYS:
        raise Invalid(f"A key is valid for 1 to {MOST_DAYS:,} days.", code="invalid_valid_days")
    try:
        within = NETWORKS.validate_python(tuple(networks))
    except ValidationError as error:
        raise Invalid(f"A network is not valid: {error.errors()[0]['msg']}.", code="invalid_networks") from None
    return (await store_key(session, organization_id, role, label, timedelta(days=valid_days), within)).key


async def create_key_of_codes(session: AsyncSession, organization_id: UUID) -> str:
    """Creates the key that one-time codes stand for, and returns its id. Nobody learns the key itself. Raises
    OrganizationNotFound."""
    return (await store_key(session, organization_id, Role.OWNER, ONE_TIME_LABEL, None)).id


async def revoke_access_key(session: AsyncSession, organization_id: UUID, key_id: str) -> None:
    """Makes the key invalid from now on. Revoking it again changes nothing. Raises KeyNotFound."""
    row = await lock_key(session, organization_id, key_id)
    if row.revoked_at is None:
        row.revoked_at = await session.scalar(select(func.now()))
        await session.flush()
        log.info("access_key.revoked", organization_id=str(organization_id), key_id=key_id)


async def list_keys(
    session: AsyncSession, organization_id: UUID, state: KeyState | None, after: str | None, limit: int
) -> KeyPage:
    """The keys of the organization, newest first; `after` is the id of the last key of the page before.

    Raises BadRequest for another cursor."""
    query = _keys(organization_id)
    if state is not None:
        query = query.where(STATES[state])
    if after is not None:
        last = await session.scalar(
            select(AccessKey.created_at).where(AccessKey.organization_id == organization_id, AccessKey.id == after)
        )
        if last is None:
            raise unknown_cursor()
        query = query.where(tuple_(AccessKey.created_at, AccessKey.id) < tuple_(literal(last), literal(after)))
    found = (
        await session.execute(query.order_by(AccessKey.created_at.desc(), AccessKey.id.desc()).limit(limit + 1))
    ).all()
    owners = await _usable_owner_keys(session, organization_id)
    items = tuple(_resource(*row, owners) for row in found[:limit])
    return KeyPage(items=items, next=items[-1].id if len(found) > limit else None)


async def read_key(session: AsyncSession, organization_id: UUID, key_id: str) -> Key:
    """Raises KeyNotFound."""
    found = (await session.execute(_keys(organization_id).where(AccessKey.id == key_id))).one_or_none()
    if found is None:
        raise KeyNotFound("This organization has no such access key.")
    return _resource(*found, await _usable_owner_keys(session, organization_id))


async def make_key(session: AsyncSession, organization_id: UUID, wanted: KeyDefinition) -> tuple[Key, str]:
    """Creates a key; the second value is the key itself. Raises TooManyKeys."""
    await wait_for_turn(session, organization_id)
    key = await create_access_key(
        session, organization_id, wanted.role, wanted.label, wanted.valid_days, wanted.networks
    )
    await check_number(session, organization_id)
    return await read_key(session, organization_id, key_id_of(key) or ""), key


async def wait_for_turn(session: AsyncSession, organization_id: UUID) -> None:
    """Of two callers at once who make keys, the second counts the key of the first."""
    await session.execute(select(OrganizationRow.id).where(OrganizationRow.id == organization_id).with_for_update())


async def check_number(session: AsyncSession, organization_id: UUID) -> None:
    """Raises TooManyKeys if the organization has more valid keys than it may."""
    held = select(func.count()).where(AccessKey.organization_id == organization_id, is_valid())
    if (await session.scalar(held) or 0) > MOST_KEYS:
        raise TooManyKeys(f"An organization has at most {MOST_KEYS} access keys: revoke one that is not used.")


async def lock_key(session: AsyncSession, organization_id: UUID, key_id: str) -> AccessKey:
    """The row of a key, which nobody else changes until the transaction ends. Raises KeyNotFound."""
    row = await session.scalar(
        select(AccessKey)
        .where(AccessKey.organization_id == organization_id, AccessKey.id == key_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise KeyNotFound("This organization has no such access key.")
    return row


async def revoke_but_the_last(session: AsyncSession, organization_id: UUID, key_id: str) -> None:
    """Makes the key invalid from now on, and ends its sessions. Raises KeyNotFound, and LastOwnerKey if nobody could
    sign in as an owner any more."""
    owners = await _usable_owner_keys(session, organization_id, lock=True)
    if owners == {key_id}:
        raise LastOwnerKey("No other owner could sign in: make another key for an owner first.")
    await revoke_access_key(session, organization_id, key_id)
    await session.execute(
        delete(SessionRow).where(SessionRow.organization_id == organization_id, SessionRow.key_id == key_id)
    )


async def store_key(
    session: AsyncSession,
    organization_id: UUID,
    role: Role,
    label: str,
    lasting: timedelta | None,
    networks: Sequence[str] = (),
) -> NewKey:
    """Creates a key that expires after `lasting`, or never. Raises OrganizationNotFound."""
    await read_organization(session, organization_id)
    key = new_key()
    made = insert(AccessKey).values(
        id=key.id,
        organization_id=organization_id,
        role=role,
        label=label,
        key_hash=key.key_hash,
        expires_at=func.now() + lasting if lasting is not None else None,
        networks=list(networks) or None,
    )
    await session.execute(made)
    log.info("access_key.created", organization_id=str(organization_id), key_id=key.id, role=role.value)
    return key


def _keys(organization_id: UUID) -> Select[AccessKey, int, bool]:
    """Each key with the number of its sessions that are alive, and whether it has expired."""
    own = (SessionRow.organization_id == organization_id, SessionRow.key_id == AccessKey.id, is_alive())
    sessions = select(func.count()).select_from(SessionRow).where(*own)
    query = select(AccessKey, sessions.scalar_subquery(), has_expired())
    return query.where(AccessKey.organization_id == organization_id)


async def _usable_owner_keys(session: AsyncSession, organization_id: UUID, *, lock: bool = False) -> set[str]:
    """The keys by which an owner can sign in. Nobody has the key that one-time codes stand for, and one that was
    replaced soon ends."""
    query = (
        select(AccessKey.id)
        .where(
            AccessKey.organization_id == organization_id,
            AccessKey.role == Role.OWNER,
            AccessKey.label != ONE_TIME_LABEL,
            AccessKey.replaced_by.is_(None),
            is_valid(),
        )
        .order_by(AccessKey.id)
    )
    return set(await session.scalars(query.with_for_update() if lock else query))


def _resource(row: AccessKey, sessions: int, is_over: bool, owners: set[str]) -> Key:
    state = KeyState.EXPIRED if is_over else KeyState.VALID
    if row.revoked_at is not None:
        state = KeyState.REVOKED
    return Key(
        id=row.id,
        role=Role(row.role),
        label=row.label,
        state=state,
        created_at=row.created_at,
        expires_at=row.expires_at,
        networks=tuple(row.networks or ()),
        replaced_by=row.replaced_by,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        sessions=sessions if state is KeyState.VALID else 0,
        last_owner=owners == {row.id},
    )


def _clean(value: str, field: str) -> str:
    try:
        return NAME.validate_python(value)
    except ValidationError as error:
        raise Invalid(f"The {field} is not valid: {error.errors()[0]['msg']}.", code=f"invalid_{field}") from None
