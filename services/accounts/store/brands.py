"""SQL of how organizations show themselves. Functions never commit."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.accounts.models import BrandRow, LogoRow
from services.accounts.resources import BrandDefinition, BrandDetails
from services.accounts.rules.colours import palette_of
from shared.contracts.accounts import Brand, Logo, LogoFile
from shared.errors import NotFound
from shared.http.etags import change, check_match
from shared.keys import OrganizationRow


class NoLogo(NotFound):
    code = "no_logo"


def brand_of(row: BrandRow | None, organization: str) -> Brand:
    """What the organization of this name shows. Without a row everything is ours."""
    if row is None:
        return Brand()
    logo = Logo(**row.logo, alt=organization) if row.logo is not None else None
    return Brand(sender_name=row.sender_name, palette=palette_of(row.accent, row.accent_dark), logo=logo)


async def read_brand(session: AsyncSession, organization_id: UUID) -> Brand:
    return brand_of(*await _read(session, organization_id))


async def read_details(session: AsyncSession, organization_id: UUID) -> BrandDetails:
    row, organization = await _read(session, organization_id)
    return BrandDetails(
        **dict(brand_of(row, organization)),
        accent=row.accent if row is not None else None,
        accent_dark=row.accent_dark if row is not None else None,
        version=row.version if row is not None else 0,
        updated_at=row.updated_at if row is not None else None,
    )


async def read_logo(session: AsyncSession, organization_id: UUID, digest: str | None = None) -> LogoFile:
    """The logo of now, if it is the one with this digest. Raises NoLogo."""
    row, organization = await _read(session, organization_id)
    content = await session.scalar(select(LogoRow.content).where(LogoRow.organization_id == organization_id))
    if row is None or row.logo is None or content is None or digest not in (None, row.logo["digest"]):
        raise NoLogo("There is no such logo.")
    return LogoFile(**row.logo, alt=organization, content=content)


async def save_brand(session: AsyncSession, organization_id: UUID, brand: BrandDefinition, if_match: str) -> None:
    """Raises StaleVersion."""
    row = await _locked(session, organization_id, if_match)
    await _change(session, row, dict(brand))


async def save_logo(session: AsyncSession, organization_id: UUID, logo: LogoFile | None, if_match: str) -> None:
    """Stores the logo; None takes it away. Raises StaleVersion."""
    row = await _locked(session, organization_id, if_match)
    await _change(session, row, {"logo": await _keep_logo(session, organization_id, logo)})


async def reset_brand(session: AsyncSession, organization_id: UUID, if_match: str) -> None:
    """From now on everything is ours. Raises StaleVersion."""
    row = await _locked(session, organization_id, if_match)
    await _change(session, row, dict(BrandDefinition()) | {"logo": await _keep_logo(session, organization_id, None)})


async def _read(session: AsyncSession, organization_id: UUID) -> tuple[BrandRow | None, str]:
    """The row, if there is one, and the name of the organization."""
    found = await session.execute(
        select(BrandRow, OrganizationRow.name)
        .select_from(OrganizationRow)
        .outerjoin(BrandRow, BrandRow.organization_id == OrganizationRow.id)
        .where(OrganizationRow.id == organization_id)
    )
    one = found.one_or_none()
    return (None, "") if one is None else (one[0], one[1])


async def _keep_logo(session: AsyncSession, organization_id: UUID, logo: LogoFile | None) -> dict[str, Any] | None:
    """Stores the bytes, and returns what the brand keeps of the logo."""
    if logo is None:
        await session.execute(delete(LogoRow).where(LogoRow.organization_id == organization_id))
        return None
    kept = insert(LogoRow).values(organization_id=organization_id, content=logo.content)
    await session.execute(
        kept.on_conflict_do_update(index_elements=["organization_id"], set_={"content": logo.content})
    )
    return logo.model_dump(mode="json", exclude={"content", "alt"})


async def _locked(session: AsyncSession, organization_id: UUID, if_match: str) -> BrandRow:
    await session.execute(insert(BrandRow).values(organization_id=organization_id).on_conflict_do_nothing())
    row = (
        await session.scalars(
            select(BrandRow)
            .where(BrandRow.organization_id == organization_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).one()
    check_match(if_match, row.version, row.field_versions)
    return row


async def _change(session: AsyncSession, row: BrandRow, wanted: Mapping[str, object]) -> None:
    """What is the same as before keeps its version."""
    if change(row, wanted):
        await session.flush()
