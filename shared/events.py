"""`emit` writes an event in the same transaction as the fact that the event tells.

Events are inserted into a staging table. After the commit the process tells `services/events`, which moves them into
the log, where they get their positions. Call `emit` when the row of the aggregate is locked, so that the events of one
aggregate are staged in the order in which they happened.
"""

from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Identity, Index, SmallInteger, Table, func, insert
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.events import EventData
from shared.database import Base
from shared.notices import tell_once_committed
from shared.tracing import current_origin

STAGED = "upward_staged"
"""The channel on which the sequencer is told that events were committed."""


class StagedEvent(Base):
    """An event that has no position in the log yet. The sequencer moves these rows into the log."""

    __tablename__ = "staged_event"
    __table_args__ = (Index("ix_staged_event_organization_id_id", "organization_id", "id"), {"schema": "events"})

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    event_id: Mapped[UUID]
    organization_id: Mapped[UUID]
    type: Mapped[str]
    version: Mapped[int] = mapped_column(SmallInteger)
    subject: Mapped[str]
    time: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    origin: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))
    """An `Origin`: the request that the fact follows from. Null if none is known."""


STAGE = insert(cast(Table, StagedEvent.__table__))


async def emit(session: AsyncSession, organization_id: UUID, *events: EventData) -> None:
    """Stages the events in the caller's transaction, in the order given."""
    if not events:
        return
    origin = current_origin()
    told = origin.model_dump(mode="json", exclude_none=True) if origin is not None else None
    rows = [
        {
            "event_id": uuid4(),
            "organization_id": organization_id,
            "type": event.type,
            "version": event.version,
            "subject": event.subject,
            "data": event.model_dump(mode="json"),
            "origin": told,
        }
        for event in events
    ]
    await session.execute(STAGE, rows)
    tell_once_committed(session, STAGED)
