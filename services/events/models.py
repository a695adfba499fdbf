"""Tables of the event log. `staged_event`, where events begin, is declared in `shared.events`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, SmallInteger, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database import Base


class Event(Base):
    """One fact that happened. Rows are appended by the sequencer alone and never changed."""

    __tablename__ = "event"
    __table_args__ = {"schema": "events"}

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Counts the organization's events from 1, without gaps."""
    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    """Orders the events of all organizations; rises, may have gaps. For the dispatcher's cursor."""
    event_id: Mapped[UUID] = mapped_column(unique=True)
    type: Mapped[str]
    version: Mapped[int] = mapped_column(SmallInteger)
    subject: Mapped[str]
    time: Mapped[datetime]
    """When it happened."""
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    """When it got its position."""
    digest: Mapped[bytes]
    """SHA-256 over the organization's events up to this one (`services.events.chain`)."""


class OrganizationHead(Base):
    """The last sequence, and its digest, that an organization's events have reached."""

    __tablename__ = "organization_head"
    __table_args__ = {"schema": "events"}

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    last_sequence: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[bytes]
    """That event's digest."""


class Consumer(Base):
    """How far a reader of the log has come."""

    __tablename__ = "consumer"
    __table_args__ = {"schema": "events"}

    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)


class Undispatchable(Base):
    """An event that the dispatcher had to leave out, and why, as a code."""

    __tablename__ = "undispatchable"
    __table_args__ = {"schema": "events"}

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
