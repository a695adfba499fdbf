"""SQL of sessions: opening, listing and ending them. `shared.auth` finds the caller who has one, and notes its use."""

from typing import Any
from uuid import UUID, uuid4

import structlog
from sqlalchemy import ColumnElement, Select, delete, not_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.accounts.models import BrandRow
from services.accounts.resources import OwnSession, OwnSessions
from services.accounts.store.brands import brand_of
from shared.auth import Found
from shared.contracts.accounts import CallerDetails, NewSession, Organization, SessionTimes
from shared.errors import NotFound
from shared.keys import AccessKey, Caller, OrganizationRow
from shared.sessions import LONGEST, SessionRow, hash_token, is_alive, new_session_token

log = structlog.get_logger(__name__)
MOST = 100
"""The sessions that a key may have at the same time. When there are more, those that were used least lately end."""


class SessionNotFound(NotFound):
    code = "session_not_found"


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
        select(SessionRow.id).where(*_own(caller)).order_by(SessionRow.last_used_at.desc(), SessionRow.id).offset(MOST)
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


async def list_own(session: AsyncSession, caller: Caller) -> OwnSessions:
    """The sessions that were opened with the key of this caller, the one that was used last first."""
    query = select(SessionRow).where(*_own(caller), is_alive())
    rows = await session.scalars(query.order_by(SessionRow.last_used_at.desc(), SessionRow.id).limit(MOST))
    return OwnSessions(items=tuple(_own_resource(row, caller) for row in rows))


async def end_own(session: AsyncSession, caller: Caller, session_id: UUID) -> None:
    """Ends a session that was opened with the key of this caller. Raises SessionNotFound."""
    own = delete(SessionRow).where(*_own(caller), SessionRow.id == session_id, is_alive()).returning(SessionRow.id)
    if await session.scalar(own) is None:
        raise SessionNotFound("You have no such session; it may have ended already.")
    log.info("session.ended", session_id=str(session_id))


async def end_others(session: AsyncSession, caller: Caller) -> None:
    """Ends all sessions that were opened with the key of this caller but the one that asks."""
    others = delete(SessionRow).where(*_own(caller))
    if caller.session_id is not None:
        others = others.where(SessionRow.id != caller.session_id)
    ended = await session.scalars(others.returning(SessionRow.id))
    log.info("session.others_ended", count=len(ended.all()))


def with_details(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """The statement that finds a caller, with the name of the organization and how it shows itself."""
    return (
        query.add_columns(OrganizationRow.name, AccessKey.label, BrandRow)
        .join(OrganizationRow, OrganizationRow.id == AccessKey.organization_id)
        .outerjoin(BrandRow, BrandRow.organization_id == AccessKey.organization_id)
    )


def details_of(found: Found, address: str | None) -> CallerDetails:
    """Of a caller who was found by the statement above, and called from this address."""
    (name, label, brand), caller, row = found.more, found.caller, found.session
    return CallerDetails(
        organization=Organization(id=caller.organization_id, name=name),
        role=caller.role,
        key_id=caller.key_id,
        key_label=label,
        session=_times(row) if row is not None else None,
        brand=brand_of(brand, name),
        address=address,
    )


def _own(caller: Caller) -> tuple[ColumnElement[bool], ...]:
    return (SessionRow.organization_id == caller.organization_id, SessionRow.key_id == caller.key_id)


def _own_resource(row: SessionRow, caller: Caller) -> OwnSession:
    hour = row.last_used_at.replace(minute=0, second=0, microsecond=0)
    return OwnSession(**dict(_times(row)), last_used_at=hour, current=row.id == caller.session_id)


def _times(row: SessionRow) -> SessionTimes:
    return SessionTimes(id=row.id, created_at=row.created_at, expires_at=row.created_at + LONGEST)
