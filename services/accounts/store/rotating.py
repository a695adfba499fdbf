"""SQL of replacing an access key by a new one. The old one is still taken for a while, so that systems can change."""

from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.accounts.resources import A_YEAR, KeyRotation, RotatedKey
from services.accounts.store.keys import check_number, lock_key, read_key, store_key, wait_for_turn
from shared.contracts.accounts import ONE_TIME_LABEL, Role
from shared.errors import Conflict

log = structlog.get_logger(__name__)


class KeyNotValid(Conflict):
    code = "access_key_not_valid"


class KeyReplaced(Conflict):
    code = "access_key_replaced"


async def rotate_key(
    session: AsyncSession, organization_id: UUID, key_id: str, wanted: KeyRotation
) -> tuple[RotatedKey, str]:
    """Creates a key with label, role and networks of this one, which expires after the overlap if it would not before.
    The second value is the new key itself.

    Raises KeyNotFound, KeyNotValid, KeyReplaced, TooManyKeys."""
    await wait_for_turn(session, organization_id)
    old = await lock_key(session, organization_id, key_id)
    now = (await session.scalars(select(func.now()))).one()
    if old.label == ONE_TIME_LABEL:
        raise KeyNotValid("Nobody has the key that one-time addresses stand for, so it is not replaced.")
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
        raise KeyNotValid("This access key is revoked or has expired: make a new one.")
    if old.replaced_by is not None:
        raise KeyReplaced("This access key was replaced already: replace the new one, or make another one.")
    lasting = timedelta(days=A_YEAR) if old.expires_at is None else old.expires_at - old.created_at
    if wanted.valid_days is not None:
        lasting = timedelta(days=wanted.valid_days)
    new = await store_key(session, organization_id, Role(old.role), old.label, lasting, old.networks or ())
    ends = now + timedelta(hours=wanted.overlap_hours)
    old.expires_at = min(ends, old.expires_at or ends)
    old.replaced_by = new.id
    await session.flush()
    await check_number(session, organization_id)
    log.info("access_key.replaced", organization_id=str(organization_id), key_id=key_id, replaced_by=new.id)
    made = await read_key(session, organization_id, new.id)
    return RotatedKey(**dict(made), replaces=key_id, old_expires_at=old.expires_at), new.key
