"""Tables of matching: runs, the pairs they propose, and who stayed unmatched and why."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database import Base


class MatchRun(Base):
    """One stored computation. Nothing but its state ever changes: steering adds another row, the next revision of the
    same attempt. A replay needs `inputs`, `policy`, `direction`, `steering` and `seed`."""

    __tablename__ = "match_run"
    __table_args__ = (
        UniqueConstraint("cycle_id", "attempt", "revision"),
        Index("ix_match_run_organization_id_cycle_id", "organization_id", "cycle_id"),
        Index("ix_match_run_organization_id_program_id", "organization_id", "program_id"),
        {"schema": "matching"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    program_id: Mapped[UUID | None]
    """None only for old runs whose cycle was not found."""
    cycle_id: Mapped[UUID]
    attempt: Mapped[int]
    revision: Mapped[int] = mapped_column(server_default="1")
    """1 is the revision that the cycle proposed; each steering adds one."""
    state: Mapped[str]
    direction: Mapped[str]
    policy: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The program's policy. If the steering holds a policy, that one is applied instead."""
    steering: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    steered_by: Mapped[str | None]
    """The id of the access key that was used to steer the run."""
    inputs: Mapped[dict[str, Any]] = mapped_column(JSONB, deferred=True, deferred_raiseload=True)
    """Features of the people in the pool, without names or addresses."""
    inputs_hash: Mapped[str]
    result_hash: Mapped[str | None]
    """None for runs that older code stored, as are `total` and `bound`."""
    code_version: Mapped[str]
    seed: Mapped[str]
    certified: Mapped[bool]
    total: Mapped[dict[str, int] | None] = mapped_column(JSONB(none_as_null=True))
    bound: Mapped[dict[str, int] | None] = mapped_column(JSONB(none_as_null=True))
    supply: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    enrolled: Mapped[int]
    mentors: Mapped[int]
    mentees: Mapped[int]
    pairs_count: Mapped[int]
    unmatched_count: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[str | None]
    """The id of the access key that was used to approve the run."""


class Pair(Base):
    __tablename__ = "pair"
    __table_args__ = (
        UniqueConstraint("cycle_id", "mentor_id", "mentee_id", "match_run_id"),
        Index("ix_pair_organization_id_cycle_id_state", "organization_id", "cycle_id", "state"),
        Index("ix_pair_match_run_id", "match_run_id"),
        Index("ix_pair_round_id", "round_id"),
        Index("ix_pair_organization_id_mentor_id", "organization_id", "mentor_id"),
        Index("ix_pair_organization_id_mentee_id", "organization_id", "mentee_id"),
        Index(
            "uq_pair_live",
            "cycle_id",
            "mentor_id",
            "mentee_id",
            unique=True,
            postgresql_where=text("state in ('offered', 'active', 'on_hold')"),
        ),
        {"schema": "matching"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    cycle_id: Mapped[UUID]
    match_run_id: Mapped[UUID] = mapped_column(ForeignKey("matching.match_run.id"))
    mentor_id: Mapped[UUID]
    mentee_id: Mapped[UUID]
    state: Mapped[str]
    score: Mapped[int]
    contributions: Mapped[dict[str, int]] = mapped_column(JSONB)
    reasons: Mapped[list[str]] = mapped_column(JSONB)
    """English sentences, in pairs that older code stored. Newer ones have `reason_codes`."""
    reason_codes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    topics: Mapped[list[str]] = mapped_column(JSONB)
    origin: Mapped[str] = mapped_column(server_default="matched")
    alternatives: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    override_reason: Mapped[str | None]
    """Why an admin made the pair although it breaks a hard constraint. This is free text and never goes into events or
    logs."""
    round_id: Mapped[UUID | None]
    """The acceptance round that asks about this pair."""
    proposed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    offered_at: Mapped[datetime | None]
    mentor_accepted_at: Mapped[datetime | None]
    mentee_accepted_at: Mapped[datetime | None]
    declined_by: Mapped[str | None]
    """`mentor` or `mentee`; None when nobody answered or the cycle was cancelled."""
    activated_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]


class UnmatchedPerson(Base):
    __tablename__ = "unmatched"
    __table_args__ = (
        Index("ix_unmatched_organization_id_person_id", "organization_id", "person_id"),
        {"schema": "matching"},
    )

    match_run_id: Mapped[UUID] = mapped_column(ForeignKey("matching.match_run.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    reason: Mapped[str]
    candidates: Mapped[int]
    blocked: Mapped[dict[str, int]] = mapped_column(JSONB)
    change: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    detail: Mapped[str]
