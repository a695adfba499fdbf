"""SQL of sessions: opening and ending them. `shared.auth` finds the caller who has one."""

from typing import Any
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Select, delete, not_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.accounts.models import BrandRow
from services.accounts.store.brands import brand_of
from shared.auth import AccessKey, Caller, Found, OrganizationRow
from shared.contracts.accounts import CallerDetails, NewSession, Organization, SessionTimes
from shared.sessions import LONGEST, SessionRow, hash_token, is_alive, new_session_token

log = structlog.get_logger(__name__)
MOST = 100
"""The sessions that a key may have at the same time. When there are more, those that were used least lately end."""


async def open_session(session: AsyncSession, caller: Caller) -> NewSession:
    """Opens a session for whoever has this key. Sessions of the organization that have ended by themselves are
    removed."""
    token = new_session_token()
    await session.execute(
        delete(SessionRow).where(SessionRow.organization_id == caller.organization_id, not_(is_alive()))
    )
    made = await session.execute(
        insert(SessionRow)
        .values(id=uuid4(), organization_id=caller.organization_id, key_id=caller.key_id, token_hash=hash_token(token))
        .returning(SessionRow)
    )
    row = made.scalar_one()
    lately = (
        select(SessionRow.id)
        .where(SessionRow.key_id == caller.key_id)
        .order_by(SessionRow.last_used_at.desc(), SessionRow.id)
        .offset(MOST)
    )
    await session.execute(delete(SessionRow).where(SessionRow.id.in_(lately), SessionRow.id != row.id))
    log.info("session.opened", session_id=str(row.id))
    return NewSession(token=token, session=_times(row))


async def end_session(session: AsyncSession, organization_id: UUID, session_id: UUID) -> None:
    """Ends the session from now on. Ending it again changes nothing."""
    await session.execute(
        delete(SessionRow).where(SessionRow.organization_id == organization_id, SessionRow.id == session_id)
    )
    log.info("session.ended", session_id=str(session_id))


def with_details(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """The statement that finds a caller, with the name of the organization and how it shows itself."""
    return (
        query.add_columns(OrganizationRow.name, AccessKey.label, BrandRow)
        .join(OrganizationRow, OrganizationRow.id == AccessKey.organization_id)
        .outerjoin(BrandRow, BrandRow.organization_id == AccessKey.organization_id)
    )


def details_of(found: Found) -> CallerDetails:
    """Of a caller who was found by the statement above."""
    (name, label, brand), caller, row = found.more, found.caller, found.session
    return CallerDetails(
        organization=Organization(id=caller.organization_id, name=name),
        role=caller.role,
        key_id=caller.key_id,
        key_label=label,
        session=_times(row) if row is not None else None,
        brand=brand_of(brand, name),
    )


def _times(row: SessionRow) -> SessionTimes:
    return SessionTimes(id=row.id, created_at=row.created_at, expires_at=row.created_at + LONGEST)
