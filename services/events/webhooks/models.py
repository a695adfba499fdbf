"""Tables of endpoints: what is delivered where, and how it went.

Whoever changes an endpoint's deliveries or lanes holds the endpoint's row locked: the fan-out, a drain and an admin's
request come one after the other.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKeyConstraint,
    Identity,
    Index,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.events.webhooks.rules.delivery import DeliveryState, DrainState
from shared.contracts.endpoints import EndpointState
from shared.database import Base


def _of_endpoint() -> ForeignKeyConstraint:
    """What belongs to an endpoint goes with it. By both columns, as its indexes begin with both: a deletion would else
    read these tables from end to end."""
    columns = ("organization_id", "endpoint_id")
    return ForeignKeyConstraint(columns, ("events.endpoint.organization_id", "events.endpoint.id"), ondelete="CASCADE")


class EndpointRow(Base):
    """Where one of the organization's systems receives events."""

    __tablename__ = "endpoint"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        Index("ix_endpoint_called", "id", postgresql_where=text("drain_state = 'called'")),
        {"schema": "events"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    owner_id: Mapped[UUID]
    """The person who hears of failures."""
    url: Mapped[str]
    description: Mapped[str]
    types: Mapped[list[str]] = mapped_column(ARRAY(String))
    """Of the catalogue; none means all."""
    rate_limit: Mapped[int]
    """Deliveries a second, at most."""
    state: Mapped[str] = mapped_column(server_default=EndpointState.ENABLED)
    disable_reason: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default="1")
    """Counts the changes by admins."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    reached_sequence: Mapped[int] = mapped_column(BigInteger)
    """How far the log was looked through for it: earlier events come when they are replayed."""
    drain_state: Mapped[str] = mapped_column(server_default=DrainState.IDLE)
    calls: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Counts how often a drain was asked for."""
    failing_since: Mapped[datetime | None]
    """When the first of the failures happened that no success has followed."""
    told_failing_at: Mapped[datetime | None]
    told_disabling_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]


class EndpointSecret(Base):
    """A secret that deliveries are signed with."""

    __tablename__ = "endpoint_secret"
    __table_args__ = (
        _of_endpoint(),
        Index("ix_endpoint_secret_endpoint_id", "organization_id", "endpoint_id"),
        {"schema": "events"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    organization_id: Mapped[UUID]
    endpoint_id: Mapped[UUID]
    secret: Mapped[str]
    expires_at: Mapped[datetime | None]
    """When a secret that was rotated out stops signing."""


class DeliveryRow(Base):
    """One event for one endpoint."""

    __tablename__ = "delivery"
    __table_args__ = (
        _of_endpoint(),
        Index(
            "ix_delivery_waiting",
            "endpoint_id",
            "subject",
            "sequence",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_delivery_state", "organization_id", "endpoint_id", "state", "sequence"),
        Index("ix_delivery_finished_at", "finished_at", postgresql_where=text("finished_at is not null")),
        {"schema": "events"},
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    day: Mapped[date]
    """The event's, by which the log finds it."""
    event_id: Mapped[UUID]
    type: Mapped[str]
    subject: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    """Since it began to wait; a replay counts anew."""
    due_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]


class SubjectQueue(Base):
    """The deliveries of one subject that wait at one endpoint: a queue, of which only the head is sent."""

    __tablename__ = "lane"
    __table_args__ = (
        _of_endpoint(),
        Index("ix_lane_due_at", "endpoint_id", "due_at", "sequence"),
        {"schema": "events"},
    )

    endpoint_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    sequence: Mapped[int] = mapped_column(BigInteger)
    """The head: the oldest delivery that waits."""
    due_at: Mapped[datetime]
    """The head's."""


class AttemptRow(Base):
    """One try to deliver."""

    __tablename__ = "attempt"
    __table_args__ = (
        _of_endpoint(),
        Index("ix_attempt_endpoint_id", "organization_id", "endpoint_id", "id"),
        Index("ix_attempt_sequence", "organization_id", "endpoint_id", "sequence", "id"),
        Index("ix_attempt_started_at", "started_at"),
        {"schema": "events"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    organization_id: Mapped[UUID]
    endpoint_id: Mapped[UUID]
    sequence: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[int] = mapped_column(SmallInteger)
    """1 for the first since the delivery began to wait."""
    started_at: Mapped[datetime]
    latency_ms: Mapped[int]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    """The answer's; none came when it is null."""
    failure: Mapped[str | None]
    """Why no answer came, as a code."""
    answer: Mapped[str | None]
    """The first 2 kB of the answer's body."""


class Backfill(Base):
    """Events of the past that an endpoint is to get before any newer one: a replay, or what it missed."""

    __tablename__ = "backfill"
    __table_args__ = (
        _of_endpoint(),
        Index("ix_backfill_endpoint_id", "organization_id", "endpoint_id", "id"),
        {"schema": "events"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    organization_id: Mapped[UUID]
    endpoint_id: Mapped[UUID]
    what: Mapped[str]
    after: Mapped[int] = mapped_column(BigInteger)
    """Rises as pages are done."""
    up_to: Mapped[int] = mapped_column(BigInteger)
