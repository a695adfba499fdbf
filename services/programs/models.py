"""Tables of programs and cycles. Organizations are declared in `shared.auth`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, Uuid, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.overview import Stall, StallReason
from shared.database import Base


class ProgramRow(Base):
    """A program as an admin defined it. `version` rises by one with every change."""

    __tablename__ = "program"
    __table_args__ = (Index(None, "organization_id", "created_at", "id"), {"schema": "programs"})

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("programs.organization.id"))
    name: Mapped[str]
    direction: Mapped[str]
    time_zone: Mapped[str]
    language: Mapped[str] = mapped_column(server_default="en")
    """In which people are written to whose own language is not known."""
    topics: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    calendar: Mapped[dict[str, Any]] = mapped_column(JSONB)
    policy: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sponsor_id: Mapped[UUID | None]
    coordinator_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    recurs: Mapped[bool]
    archived_at: Mapped[datetime | None]
    """Since when it starts no cycle any more. Those that run go on."""
    version: Mapped[int] = mapped_column(server_default="1")
    field_versions: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}")
    """For each field that was ever changed, the version that changed it last."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CycleRow(Base):
    """One cycle of a program. Its direction, topics, calendar and policy are copied from the program when the cycle is
    requested and never change, so that a later edit of the program changes only later cycles."""

    __tablename__ = "cycle"
    __table_args__ = (
        UniqueConstraint("program_id", "period"),
        Index(None, "organization_id", "program_id", "requested_at", "id"),
        {"schema": "programs"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    program_id: Mapped[UUID] = mapped_column(ForeignKey("programs.program.id"))
    period: Mapped[str]
    stage: Mapped[str]
    paused: Mapped[bool] = mapped_column(server_default="false")
    paused_at: Mapped[datetime | None]
    """Since when it is paused; null also for a pause that an earlier version began."""
    outcome: Mapped[str | None]
    direction: Mapped[str]
    topics: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    calendar: Mapped[dict[str, Any]] = mapped_column(JSONB)
    policy: Mapped[dict[str, Any]] = mapped_column(JSONB)
    starts_at: Mapped[datetime]
    requested_at: Mapped[datetime] = mapped_column(server_default=func.now())
    stage_changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    cancellation_requested_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    advanced: Mapped[str | None]
    """What an admin ended early last: the id of a round, or `scheduled` for the wait before the cycle began."""
    concluding: Mapped[str | None]
    """The outcome with which the closing stage began, if the cycle ends early."""
    stall_reason: Mapped[str | None]
    """A `StallReason`, as long as the cycle does not move though it should."""
    stalled_at: Mapped[datetime | None]

    @property
    def stalled(self) -> Stall | None:
        """None also for a reason that a later version wrote."""
        if self.stall_reason not in list(StallReason) or self.stalled_at is None:
            return None
        return Stall(reason=StallReason(self.stall_reason), since=self.stalled_at)


class PauseRow(Base):
    """A pause of a cycle that is over."""

    __tablename__ = "pause"
    __table_args__ = {"schema": "programs"}

    cycle_id: Mapped[UUID] = mapped_column(primary_key=True)
    begins_at: Mapped[datetime] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    ends_at: Mapped[datetime]
