"""`emit`: writing an event in the transaction of the fact it tells.

Events go to an insert-only staging table; `services/events` gives them their positions after commit. Emit after
the aggregate's row is locked, so that one aggregate's events are staged in the order they happened.
"""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Identity, SmallInteger, func, insert
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.events import EventData
from shared.database import Base


class StagedEvent(Base):
    """A committed fact that has no position yet. Rows are inserted here and moved out by the sequencer."""

    __tablename__ = "staged_event"
    __table_args__ = {"schema": "events"}

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    event_id: Mapped[UUID]
    organization_id: Mapped[UUID]
    type: Mapped[str]
    version: Mapped[int] = mapped_column(SmallInteger)
    subject: Mapped[str]
    time: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)


async def emit(session: AsyncSession, organization_id: UUID, *events: EventData) -> None:
    """Stages events in the caller's transaction, in the order given."""
    if not events:
        return
    rows = [
        {
            "event_id": uuid4(),
            "organization_id": organization_id,
            "type": event.type,
            "version": event.version,
            "subject": event.subject,
            "data": event.model_dump(mode="json"),
        }
        for event in events
    ]
    await session.execute(insert(StagedEvent), rows)
