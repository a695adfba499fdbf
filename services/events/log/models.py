"""Tables of the event log. The table `staged_event`, where events are inserted first, is declared in `shared.events`.

The log has one partition a day, which `services.events.log.store.days` makes and drops. Postgres allows no unique key
over partitions without the day. Therefore the sequencer alone ensures that no sequence, position or id is used twice.
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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database import Base

POSITIONS = Sequence("event_position", schema="events", metadata=Base.metadata)


class Event(Base):
    """One fact that happened. Only the sequencer appends rows. They are never changed, and are dropped a day at a
    time."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_day_position", "day", "position", unique=True),
        Index(
            "ix_event_cycle",
            "organization_id",
            text("(data ->> 'cycle_id')"),
            "day",
            "sequence",
            postgresql_where=text("(data ->> 'cycle_id') is not null"),
        ),
        {"schema": "events", "postgresql_partition_by": "RANGE (day)"},
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    """The day on which the event got its position, in UTC. It is never before the day of an earlier position."""
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Counts the organization's events from 1, without gaps."""
    position: Mapped[int] = mapped_column(BigInteger)
    """Orders the events of all organizations. It rises and may have gaps. The cursors of consumers are positions."""
    event_id: Mapped[UUID]
    type: Mapped[str]
    version: Mapped[int] = mapped_column(SmallInteger)
    subject: Mapped[str]
    time: Mapped[datetime]
    """When the fact happened."""
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    """When the event got its position."""
    digest: Mapped[bytes]
    """SHA-256 over the organization's events up to this one (`services.events.log.rules.digest`)."""
    origin: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))
    """The request that the event follows from. It is no part of the event, and not of its digest."""


class Log(Base):
    """The one row that says which log this is. It exists from the creation of the table on."""

    __tablename__ = "log"
    __table_args__ = (CheckConstraint("one", name="one"), {"schema": "events"})

    one: Mapped[bool] = mapped_column(primary_key=True, server_default="true")
    epoch: Mapped[UUID]
    """It changes when events that consumers have seen may be lost: after a restore, or on another server."""
    system_identifier: Mapped[int | None] = mapped_column(BigInteger)
    """The Postgres cluster that the log was written on last."""
    timeline: Mapped[int | None]
    """The timeline of that cluster. It rises when the cluster is restored to a point in time or a standby takes
    over."""


@event.listens_for(Log.__table__, "after_create")
def _begin_log(_table: Table, connection: Connection, **_: Any) -> None:
    connection.execute(insert(Log).values(epoch=uuid4()))


class LogDay(Base):
    """A day with events. The last one is the log's present day: no new event gets an earlier one."""

    __tablename__ = "log_day"
    __table_args__ = {"schema": "events"}

    day: Mapped[date] = mapped_column(primary_key=True)
    after_position: Mapped[int] = mapped_column(BigInteger)
    """Positions of earlier days are at most this one; positions of this day are above it."""


class OrganizationDay(Base):
    """A day with events of an organization, and where these begin. It stays true when earlier days are dropped."""

    __tablename__ = "organization_day"
    __table_args__ = {"schema": "events"}

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    first_sequence: Mapped[int] = mapped_column(BigInteger)
    digest_before: Mapped[bytes]
    """The digest before the first event of the day."""


class OrganizationHead(Base):
    """The last sequence that an organization's events have reached, and the digest after that event."""

    __tablename__ = "organization_head"
    __table_args__ = {"schema": "events"}

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    last_sequence: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[bytes]


class Consumer(Base):
    """The cursor of a reader of the log: the last position that it has dealt with."""

    __tablename__ = "consumer"
    __table_args__ = {"schema": "events"}

    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)


class BehindRow(Base):
    """An organization that has more events for the dispatcher than its share. The dispatcher reads them apart from
    those of the others, and has passed them with its cursor."""

    __tablename__ = "behind"
    __table_args__ = {"schema": "events"}

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date]
    """No event after the sequence has an earlier day."""
    sequence: Mapped[int] = mapped_column(BigInteger)
    """The last event of the organization that is dispatched."""
    since: Mapped[datetime] = mapped_column(server_default=func.now())


class Undispatchable(Base):
    """An event that the dispatcher had to set aside, and the reason as a code. It is tried again until it is
    dispatched, and then the row is deleted."""

    __tablename__ = "undispatchable"
    __table_args__ = {"schema": "events"}

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    holds: Mapped[str | None]
    """The id of the workflow whose later events wait for this one, if any do."""
    retry_at: Mapped[datetime | None]
    """When it is tried again; None if it was left out for good."""


class Hold(Base):
    """An organization that is held since a restore: its events move no workflow, and its workflows do nothing."""

    __tablename__ = "hold"
    __table_args__ = {"schema": "events"}

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(server_default=func.now())
