"""Tables of the event log. `staged_event`, where events begin, is declared in `shared.events`.

The log has a partition a day, made and dropped by `services.events.log.store.days`. Postgres cannot hold a key over
partitions that leaves the day out: that a sequence, a position and an id are there once is the sequencer's doing alone.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Connection,
    Index,
    Sequence,
    SmallInteger,
    Table,
    event,
    func,
    insert,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database import Base

POSITIONS = Sequence("event_position", schema="events", metadata=Base.metadata)


class Event(Base):
    """One fact that happened. Rows are appended by the sequencer alone, never changed, and dropped by the day."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_day_position", "day", "position", unique=True),
        {"schema": "events", "postgresql_partition_by": "RANGE (day)"},
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    """When it got its position, in UTC; never before the day of an earlier position, so of an earlier sequence."""
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Counts the organization's events from 1, without gaps."""
    position: Mapped[int] = mapped_column(BigInteger)
    """Orders the events of all organizations; rises, may have gaps. For the dispatcher's cursor."""
    event_id: Mapped[UUID]
    type: Mapped[str]
    version: Mapped[int] = mapped_column(SmallInteger)
    subject: Mapped[str]
    time: Mapped[datetime]
    """When it happened."""
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    """When it got its position."""
    digest: Mapped[bytes]
    """SHA-256 over the organization's events up to this one (`services.events.log.rules.digest`)."""


class Log(Base):
    """The one row that tells which log this is. It is there from the beginning."""

    __tablename__ = "log"
    __table_args__ = (CheckConstraint("one", name="one"), {"schema": "events"})

    one: Mapped[bool] = mapped_column(primary_key=True, server_default="true")
    epoch: Mapped[UUID]
    """Another one when events that were told may be lost: after a restore, on another server."""
    system_identifier: Mapped[int | None] = mapped_column(BigInteger)
    """The Postgres cluster that the log grew in last."""
    timeline: Mapped[int | None]
    """And its timeline, which rises when it is restored to a point in time, or a standby takes over."""


@event.listens_for(Log.__table__, "after_create")
def _begin_log(_table: Table, connection: Connection, **_: Any) -> None:
    connection.execute(insert(Log).values(epoch=uuid4()))


class LogDay(Base):
    """A day with events. The last one is the log's day: the day of an event is never before it."""

    __tablename__ = "log_day"
    __table_args__ = {"schema": "events"}

    day: Mapped[date] = mapped_column(primary_key=True)
    after_position: Mapped[int] = mapped_column(BigInteger)
    """All positions of earlier days are up to this one, those of the day above it."""


class OrganizationDay(Base):
    """A day with events of an organization: where they begin, also when those before are dropped."""

    __tablename__ = "organization_day"
    __table_args__ = {"schema": "events"}

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    first_sequence: Mapped[int] = mapped_column(BigInteger)
    digest_before: Mapped[bytes]
    """The digest after the event before the first."""


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
