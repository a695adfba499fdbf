"""SQL that deletes sessions and one-time codes that have ended, and answers that nobody repeats any more."""

from datetime import timedelta

from sqlalchemy import func, not_
from sqlalchemy.ext.asyncio import AsyncSession

from services.accounts.models import SignInCode
from shared.http.idempotency import IdempotencyRecord
from shared.retention import delete_some
from shared.sessions import SessionRow, is_alive

REPEATED_WITHIN = timedelta(days=30)
"""For so long a request that is sent again with its Idempotency-Key gets the answer of the first one."""


async def delete_sessions(session: AsyncSession) -> int:
    return await delete_some(session, SessionRow, not_(is_alive()))


async def delete_codes(session: AsyncSession) -> int:
    return await delete_some(session, SignInCode, SignInCode.expires_at < func.now())


async def delete_answers(session: AsyncSession) -> int:
    return await delete_some(session, IdempotencyRecord, IdempotencyRecord.created_at < func.now() - REPEATED_WITHIN)
