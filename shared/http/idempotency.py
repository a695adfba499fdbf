"""The header `Idempotency-Key`: a request that is sent again gets the answer of the first one, and nothing is done
twice.

It is answered 400 if the header is missing, 422 if the key was used for another request, and 409 while the first
request is not finished. The answer is stored in the transaction of the work itself, so that neither exists without the
other.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.contracts.base import Contract
from shared.database import Base
from shared.errors import BadRequest, Conflict, Invalid


class IdempotencyRecord(Base):
    __tablename__ = "idempotency_key"
    __table_args__ = {"schema": "shared"}

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_hash: Mapped[str] = mapped_column(primary_key=True)
    """The hash of the key, as a caller may put anything into a key, even personal data."""
    request_hash: Mapped[str]
    status: Mapped[int]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    headers: Mapped[dict[str, str]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Answer(Contract):
    """The answer to a request that changes something. It can be stored and given again."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = {}
    shown_once: Mapping[str, Any] = {}
    """Members of the body that only the first answer has, such as a secret. They are neither stored nor repeated."""

    def response(self, *, replayed: bool = False) -> JSONResponse:
        extra = {"idempotent-replayed": "true"} if replayed else {}
        return JSONResponse(
            self.body | dict(self.shown_once), status_code=self.status, headers=dict(self.headers) | extra
        )


async def answer_once(
    session: AsyncSession,
    request: Request,
    organization_id: UUID,
    key: str | None,
    work: Callable[[], Awaitable[Answer]],
) -> JSONResponse:
    """Does the work at most once for this organization and key, and returns its answer. Raises BadRequest, Conflict,
    Invalid."""
    if not key:
        raise BadRequest(
            "Send an Idempotency-Key header: any unique text; repeat it when you retry this request.",
            code="idempotency_key_required",
        )
    key_hash = hashlib.sha256(key.encode()).hexdigest()
    lock = int.from_bytes(hashlib.sha256(f"{organization_id}:{key}".encode()).digest()[:8], "big", signed=True)
    if not await session.scalar(select(func.pg_try_advisory_xact_lock(lock))):
        raise Conflict(
            "The first request with this Idempotency-Key is still in flight; send it again in a moment.",
            code="idempotency_key_in_flight",
            headers={"retry-after": "1"},
        )
    request_hash = hashlib.sha256(
        b"\n".join([request.method.encode(), request.url.path.encode(), await request.body()])
    ).hexdigest()
    found = await session.get(IdempotencyRecord, (organization_id, key_hash))
    if found is not None:
        if found.request_hash != request_hash:
            raise Invalid(
                "This Idempotency-Key was used for another request; use a new one.",
                code="idempotency_key_reused",
            )
        return Answer(status=found.status, body=found.body, headers=found.headers).response(replayed=True)
    answer = await work()
    await session.execute(
        insert(IdempotencyRecord).values(
            organization_id=organization_id,
            key_hash=key_hash,
            request_hash=request_hash,
            status=answer.status,
            body=answer.body,
            headers=dict(answer.headers),
        )
    )
    return answer.response()
