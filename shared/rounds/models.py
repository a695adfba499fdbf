"""The tables of rounds. They are shared, as a round is the same for every kind and every owner."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.database import Base


class Round(Base):
    __tablename__ = "round"
    __table_args__ = (UniqueConstraint("cycle_id", "kind", "number"), {"schema": "rounds"})

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    cycle_id: Mapped[UUID]
    kind: Mapped[str]
    number: Mapped[int]
    state: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closes_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    close_reason: Mapped[str | None]
    told_at: Mapped[datetime | None]
    """When its last invitation or reminder was announced."""
    reminder_requested_at: Mapped[datetime | None]
    """When an admin asked last that those who have not answered are reminded."""
    asked: Mapped[int | None]
    """How many answers it asked for, once its recipients are deleted; None before that, as is `answered`."""
    answered: Mapped[int | None]


class RoundRecipient(Base):
    """One answer that is asked of a person about a subject. The subject is a pair, or the cycle itself.

    `excused_at` is set when there is nothing left to ask about, because the pair ended. The person is not asked about
    it any more, and the answer counts neither as given nor as missing.
    """

    __tablename__ = "recipient"
    __table_args__ = (
        Index("ix_recipient_person_id", "organization_id", "person_id"),
        Index("ix_recipient_subject_id", "organization_id", "subject_id"),
        Index(
            "ix_recipient_pending",
            "round_id",
            "person_id",
            postgresql_where=text("answered_at is null and excused_at is null"),
        ),
        {"schema": "rounds"},
    )

    round_id: Mapped[UUID] = mapped_column(ForeignKey("rounds.round.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    answered_at: Mapped[datetime | None]
    excused_at: Mapped[datetime | None]
