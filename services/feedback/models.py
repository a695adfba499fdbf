"""Tables of the feedback service.

No report and no public API contains what people wrote. The note of a check-in is shown to the partner, on the next page
about the pair; the comment of a survey is shown to nobody.
"""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Index, SmallInteger, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database import Base

SCHEMA = "feedback"
OPEN = "state = 'open'"


class AskedPair(Base):
    """Who is the mentor and who the mentee in a pair that a round asks about, as it was when the round opened."""

    __tablename__ = "asked_pair"
    __table_args__ = {"schema": SCHEMA}

    round_id: Mapped[UUID] = mapped_column(primary_key=True)
    pair_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    mentor_id: Mapped[UUID]
    mentee_id: Mapped[UUID]


class CheckIn(Base):
    """One participant's answer about one pair in one check-in round. It may change while the round is open."""

    __tablename__ = "check_in"
    __table_args__ = (
        UniqueConstraint("round_id", "pair_id", "person_id"),
        Index("ix_check_in_cycle_id", "organization_id", "cycle_id"),
        {"schema": SCHEMA},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    organization_id: Mapped[UUID]
    cycle_id: Mapped[UUID]
    round_id: Mapped[UUID]
    pair_id: Mapped[UUID]
    person_id: Mapped[UUID]
    side: Mapped[str]
    met: Mapped[bool]
    usefulness: Mapped[int | None] = mapped_column(SmallInteger)
    obstacle: Mapped[str]
    note: Mapped[str]
    answered_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SurveyResponse(Base):
    """One participant's answer about one pair in the closing survey."""

    __tablename__ = "survey_answer"
    __table_args__ = (
        UniqueConstraint("round_id", "pair_id", "person_id"),
        Index("ix_survey_answer_cycle_id", "organization_id", "cycle_id"),
        {"schema": SCHEMA},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    organization_id: Mapped[UUID]
    cycle_id: Mapped[UUID]
    round_id: Mapped[UUID]
    pair_id: Mapped[UUID]
    person_id: Mapped[UUID]
    side: Mapped[str]
    usefulness: Mapped[int] = mapped_column(SmallInteger)
    would_repeat: Mapped[bool]
    comment: Mapped[str]
    answered_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Concern(Base):
    """Something about one person in one pair that needs a human. At most one concern is open for the same reason."""

    __tablename__ = "concern"
    __table_args__ = (
        Index(
            "uq_concern_round",
            *("pair_id", "person_id", "reason", "round_id"),
            unique=True,
            postgresql_where=text("withdrawn_at is null"),
        ),
        Index(
            "uq_concern_open", "pair_id", "person_id", "reason", unique=True, postgresql_where=text("state = 'open'")
        ),
        Index("ix_concern_cycle_id", "organization_id", "cycle_id", "id"),
        Index("ix_concern_raised_at", "organization_id", "raised_at", "id"),
        {"schema": SCHEMA},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    organization_id: Mapped[UUID]
    cycle_id: Mapped[UUID]
    round_id: Mapped[UUID]
    """The check-in round in which the concern was raised."""
    pair_id: Mapped[UUID]
    person_id: Mapped[UUID]
    """Who missed the check-ins, or who said that it is not a fit."""
    reason: Mapped[str]
    rung: Mapped[str | None]
    """The highest rung that was told; null before anybody was told."""
    state: Mapped[str]
    raised_at: Mapped[datetime] = mapped_column(server_default=func.now())
    escalated_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None]
    """The id of the access key that resolved it; null if the end of the cycle did, or the person, who withdrew it."""
    resolution: Mapped[str | None]
    """How whoever resolved it said that it ended."""
    assignee_id: Mapped[UUID | None]
    """The person who takes care of it."""
    withdrawn_at: Mapped[datetime | None]
    """When the person changed the answer that had raised the concern. If it was still open, that resolved it. The same
    answer may then raise another one."""


class StoredReport(Base):
    __tablename__ = "report"
    __table_args__ = {"schema": SCHEMA}

    cycle_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    outcome: Mapped[str]
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    compiled_at: Mapped[datetime] = mapped_column(server_default=func.now())
