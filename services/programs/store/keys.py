"""Organizations and their access keys. This service alone writes them; `shared.auth` reads keys."""

from uuid import UUID, uuid4

import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.programs.models import OrganizationRow
from services.programs.resources import Organization
from services.programs.rules.definition import Name
from shared.auth import AccessKey, Role, new_key
from shared.errors import Conflict, Invalid, NotFound

log = structlog.get_logger(__name__)
NAME: TypeAdapter[str] = TypeAdapter(Name)


class OrganizationExists(Conflict):
    code = "organization_exists"


class OrganizationNotFound(NotFound):
    code = "organization_not_found"


class KeyNotFound(NotFound):
    code = "access_key_not_found"


async def create_organization(session: AsyncSession, name: str) -> UUID:
    """A new tenant. Raises Invalid, or OrganizationExists for a name that is taken."""
    created: UUID | None = await session.scalar(
        insert(OrganizationRow)
        .values(id=uuid4(), name=_clean(name, "name"))
        .on_conflict_do_nothing(index_elements=[OrganizationRow.name])
        .returning(OrganizationRow.id)
    )
    if created is None:
        raise OrganizationExists("An organization of this name exists already.")
    log.info("organization.created", organization_id=str(created))
    return created


async def find_organization(session: AsyncSession, name: str) -> UUID | None:
    """The organization of exactly this name, if there is one. Raises Invalid."""
    return await session.scalar(select(OrganizationRow.id).where(OrganizationRow.name == _clean(name, "name")))


async def find_or_create_organization(session: AsyncSession, name: str) -> UUID:
    """The organization of this name, new if there was none; two at once get the same one. Raises Invalid."""
    await session.execute(
        insert(OrganizationRow)
        .values(id=uuid4(), name=_clean(name, "name"))
        .on_conflict_do_nothing(index_elements=[OrganizationRow.name])
    )
    found = await find_organization(session, name)
    if found is None:
        raise OrganizationNotFound("The organization was removed in this moment; try again.")
    return found


async def read_organization(session: AsyncSession, organization_id: UUID) -> Organization:
    """Raises OrganizationNotFound."""
    row = await session.get(OrganizationRow, organization_id)
    if row is None:
        raise OrganizationNotFound("There is no such organization.")
    return Organization(id=row.id, name=row.name)


async def create_access_key(session: AsyncSession, organization_id: UUID, role: Role, label: str) -> str:
    """The new key itself: this is the only time it can be shown. Raises Invalid, OrganizationNotFound."""
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
    """From now on the key is refused; revoking again changes nothing. Raises KeyNotFound."""
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
