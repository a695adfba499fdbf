"""SQL of one-time codes, by which the owner of an embedded stack signs in without an access key at hand.

A code has the form `upo_<secret>`, where the secret has 256 random bits; only its SHA-256 is stored. It belongs to an
access key that nobody has, so that the sessions which it opens end when that key is revoked.
"""

import re
import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.accounts.models import SignInCode
from services.accounts.store.keys import create_key_of_codes
from shared.contracts.accounts import ONE_TIME_LABEL, Role
from shared.errors import Unauthorized
from shared.keys import AccessKey, Caller, is_valid
from shared.sessions import hash_token

CODE = re.compile(r"upo_[0-9A-Za-z_-]{43}")
LIFE = timedelta(hours=1)


def is_code(text: str) -> bool:
    """Whether the text has the form of a code."""
    return CODE.fullmatch(text) is not None


async def issue_code(session: AsyncSession, organization_id: UUID) -> str:
    """Makes a code for an owner of the organization. Earlier codes are refused from now on.

    Raises OrganizationNotFound.
    """
    key_id = await _key_of_codes(session, organization_id)
    await session.execute(
        delete(SignInCode).where(or_(SignInCode.key_id == key_id, SignInCode.expires_at < func.now()))
    )
    code = f"upo_{secrets.token_urlsafe(32)}"
    await session.execute(
        insert(SignInCode).values(code_hash=hash_token(code), key_id=key_id, expires_at=func.now() + LIFE)
    )
    return code


async def authenticate_code(session: AsyncSession, code: str) -> Caller:
    """Finds whom the code signs in. It does not use it up. Raises Unauthorized."""
    key = await session.scalar(
        select(AccessKey)
        .join(SignInCode, SignInCode.key_id == AccessKey.id)
        .where(
            SignInCode.code_hash == hash_token(code),
            SignInCode.expires_at > func.now(),
            is_valid(),
        )
    )
    if key is None:
        raise _refused()
    return Caller(organization_id=key.organization_id, key_id=key.id, role=Role(key.role))


async def use_code(session: AsyncSession, code: str) -> None:
    """Uses the code up. Of two callers at once, the second waits for the first. Raises Unauthorized."""
    used = delete(SignInCode).where(SignInCode.code_hash == hash_token(code)).returning(SignInCode.key_id)
    if await session.scalar(used) is None:
        raise _refused()


async def _key_of_codes(session: AsyncSession, organization_id: UUID) -> str:
    """The id of the key that the organization's codes stand for. It is made if there is none, and forgotten at once:
    nobody has it."""
    found = await session.scalar(
        select(AccessKey.id)
        .where(
            AccessKey.organization_id == organization_id,
            AccessKey.label == ONE_TIME_LABEL,
            AccessKey.role == Role.OWNER,
            is_valid(),
        )
        .order_by(AccessKey.created_at)
        .limit(1)
    )
    if found is not None:
        return found
    return await create_key_of_codes(session, organization_id)


def _refused() -> Unauthorized:
    return Unauthorized("This code was used, or is too old.", code="sign_in_code_used")
