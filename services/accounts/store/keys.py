"""SQL of organizations and their access keys. Only this service writes them; `shared.auth` reads keys."""

from uuid import UUID, uuid4

import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.auth import AccessKey, OrganizationRow, Role, new_key
from shared.contracts.accounts import Organization
from shared.contracts.text import Name
from shared.errors import Invalid, NotFound

log = structlog.get_logger(__name__)
NAME: TypeAdapter[str] = TypeAdapter(Name)


class OrganizationNotFound(NotFound):
    code = "organization_not_found"


class KeyNotFound(NotFound):
    code = "access_key_not_found"


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


async def create_access_key(session: AsyncSession, organization_id: UUID, role: Role, label: str) -> str:
    """Creates a key and returns it. It cannot be shown again later. Raises Invalid, OrganizationNotFound."""
    await read_organization(session, organization_id)
    key = new_key()
    session.add(
        AccessKey(
            id=key.id, organization_id=organization_id, role=role, label=_clean(label, "label"), key_hash=key.key_hash
        )
    )
    await session.flush()
    log.info("access_key.created", organization_id=str(organization_id), key_id=key.id, role=role.value)
    return key.key


async def revoke_access_key(session: AsyncSession, organization_id: UUID, key_id: str) -> None:
    """Makes the key invalid from now on. Revoking it again changes nothing. Raises KeyNotFound."""
    row = await session.scalar(
        select(AccessKey)
        .where(AccessKey.organization_id == organization_id, AccessKey.id == key_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise KeyNotFound("This organization has no such access key.")
    if row.revoked_at is None:
        row.revoked_at = await session.scalar(select(func.now()))
        await session.flush()
        log.info("access_key.revoked", organization_id=str(organization_id), key_id=key_id)


def _clean(value: str, field: str) -> str:
    try:
        return NAME.validate_python(value)
    except ValidationError as error:
        raise Invalid(f"The {field} is not valid: {error.errors()[0]['msg']}.", code=f"invalid_{field}") from None
