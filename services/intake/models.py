"""Tables of intake: the directory, enrolments and links."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, Uuid, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database import Base


class Person(Base):
    """Someone in an organization's directory. The unique rules are checked at the end of a statement, so that one
    update can exchange two people's addresses."""

    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("organization_id", "external_id", deferrable=True, initially="IMMEDIATE"),
        UniqueConstraint("organization_id", "email", deferrable=True, initially="IMMEDIATE"),
        Index("ix_person_organization_id_id", "organization_id", "id"),
        {"schema": "intake"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    external_id: Mapped[str | None]
    email: Mapped[str]
    """In lower case."""
    name: Mapped[str]
    given_name: Mapped[str]
    family_name: Mapped[str]
    job_title: Mapped[str]
    department: Mapped[str]
    location: Mapped[str]
    time_zone: Mapped[str]
    language: Mapped[str]
    level: Mapped[int]
    manager_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("intake.person.id", deferrable=True, initially="DEFERRED")
    )
    hired_on: Mapped[date | None]
    active: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Enrolment(Base):
    """A person's application to one cycle; the last one counts. `role` None means: not this time."""

    __tablename__ = "enrolment"
    __table_args__ = (
        UniqueConstraint("cycle_id", "person_id"),
        Index("ix_enrolment_organization_id", "organization_id", "cycle_id", "person_id"),
        {"schema": "intake"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    cycle_id: Mapped[UUID]
    person_id: Mapped[UUID] = mapped_column(ForeignKey("intake.person.id"))
    role: Mapped[str | None]
    topics_taught: Mapped[list[str]] = mapped_column(ARRAY(Text))
    taught_levels: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"))
    """How well topics are taught, 1 to 3, by code; 3 where nothing is said."""
    topics_wanted: Mapped[list[str]] = mapped_column(ARRAY(Text))
    mentor_capacity: Mapped[int]
    mentee_capacity: Mapped[int]
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    meeting_windows: Mapped[list[str]] = mapped_column(ARRAY(Text))
    preferred: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    """Most wished for first."""
    avoided: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    submitted_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Link(Base):
    """A participant's link into one round; the token itself is known to its reader alone."""

    __tablename__ = "link"
    __table_args__ = (
        Index("ix_link_round_id", "organization_id", "round_id"),
        {"schema": "intake"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    token_hash: Mapped[str] = mapped_column(unique=True)
    """SHA-256 of the token, in hex."""
    round_id: Mapped[UUID]
    cycle_id: Mapped[UUID]
    kind: Mapped[str]
    person_id: Mapped[UUID]
    minted_at: Mapped[datetime]
    expires_at: Mapped[datetime]
