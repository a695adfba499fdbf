"""Tables of webhooks: endpoints, their deliveries, and the attempts.

Whoever changes an endpoint's deliveries or queues holds a lock on the endpoint's row. So the fan-out, a drain and an
admin's request change them one after the other.
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
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.events.webhooks.rules.delivery import DeliveryState, DrainState
from shared.contracts.endpoints import EndpointState
from shared.database import Base


def _of_endpoint() -> ForeignKeyConstraint:
    """Rows that belong to an endpoint are deleted with it. The key has both columns, as the indexes of these tables
    begin with both: otherwise a deletion would read the whole tables."""
    columns = ("organization_id", "endpoint_id")
    return ForeignKeyConstraint(columns, ("events.endpoint.organization_id", "events.endpoint.id"), ondelete="CASCADE")


class EndpointRow(Base):
    """An endpoint: a URL at which one of the organization's systems receives events."""

    __tablename__ = "endpoint"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        Index("ix_endpoint_called", "id", postgresql_where=text("drain_state = 'called'")),
        {"schema": "events"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    owner_id: Mapped[UUID]
    """The person who is told of failures."""
    url: Mapped[str]
    description: Mapped[str]
    types: Mapped[list[str]] = mapped_column(ARRAY(String))
    """Names of the catalogue; none means all types."""
    rate_limit: Mapped[int]
    """Deliveries per second, at most."""
    state: Mapped[str] = mapped_column(server_default=EndpointState.ENABLED)
    disable_reason: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default="1")
    """It counts the changes by admins."""
    field_versions: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}")
    """For each field that was ever changed, the version that changed it last."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    reached_sequence: Mapped[int] = mapped_column(BigInteger)
    """How far the log has been read for the endpoint. Events up to this one come only if they are replayed."""
    drain_state: Mapped[str] = mapped_column(server_default=DrainState.IDLE)
    calls: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """It counts how often the endpoint's workflow was to be called."""
    failing_since: Mapped[datetime | None]
    """When the first failure happened after the last success."""
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
    """The event's day, by which it is found in the log."""
    event_id: Mapped[UUID]
    type: Mapped[str]
    subject: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    """How many attempts have failed since the delivery began to wait. A replay counts anew."""
    due_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]


class SubjectQueue(Base):
    """The queue of one subject at one endpoint: its waiting deliveries, of which only the head is sent."""

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
    """The head of the queue: the oldest delivery that waits."""
    due_at: Mapped[datetime]
    """When the head is due."""


class AttemptRow(Base):
    """One attempt to deliver an event."""

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
    """It counts the attempts from 1 since the delivery began to wait."""
    started_at: Mapped[datetime]
    latency_ms: Mapped[int]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    """The status of the answer; null if no answer came."""
    failure: Mapped[str | None]
    """Why no answer came, as a code."""
    answer: Mapped[str | None]
    """The first 2 kB of the answer's body."""


class Backfill(Base):
    """A range of past events that an endpoint is to receive before any newer one: a replay, or what it missed while it
    was disabled."""

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
    """The range begins after this sequence, which rises as pages are turned into deliveries."""
    up_to: Mapped[int] = mapped_column(BigInteger)
