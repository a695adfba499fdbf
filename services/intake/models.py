"""The tables of intake: people, enrolments and links."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, Text, UniqueConstraint, Uuid, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database import Base


class Person(Base):
    """Someone in the directory of an organization. The unique constraints are checked at the end of a statement, so
    that one update can exchange the addresses of two people."""

    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("organization_id", "external_id", deferrable=True, initially="IMMEDIATE"),
        UniqueConstraint("organization_id", "email", deferrable=True, initially="IMMEDIATE"),
        Index("ix_person_organization_id_id", "organization_id", "id"),
        Index("ix_person_name", "organization_id", text("lower(name)"), "id"),
        Index("ix_person_department", "organization_id", text("lower(department)"), "id"),
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
    language_known: Mapped[bool] = mapped_column(server_default=text("true"))
    """False: `language` is only the one that is taken when nobody says which; pages and messages then ask elsewhere."""
    level: Mapped[int]
    manager_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("intake.person.id", deferrable=True, initially="DEFERRED")
    )
    hired_on: Mapped[date | None]
    active: Mapped[bool]
    availability: Mapped[str] = mapped_column(server_default=text("'available'"))
    """`available` or `on_leave`."""
    available_from: Mapped[date | None]
    """The day on which somebody on leave is back, if it is known."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Enrolment(Base):
    """A person's application to one cycle, of which the last one counts. A `role` of None means "not this time"."""

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
    """How well each topic is taught, from 1 to 3, by the code of the topic. A topic that is missing counts as 3."""
    topics_wanted: Mapped[list[str]] = mapped_column(ARRAY(Text))
    mentor_capacity: Mapped[int]
    mentee_capacity: Mapped[int]
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    meeting_windows: Mapped[list[str]] = mapped_column(ARRAY(Text))
    preferred: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    """The person who is wished for most comes first."""
    avoided: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    submitted_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ImportUpload(Base):
    """A file that somebody has sent and not yet imported. It holds names, and is kept for an hour."""

    __tablename__ = "import_upload"
    __table_args__ = (
        Index("ix_import_upload_organization_id", "organization_id", "created_at"),
        {"schema": "intake"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    file: Mapped[bytes | None]
    """None once it was imported."""
    column_map: Mapped[dict[str, Any]] = mapped_column(JSONB)
    fingerprint: Mapped[str | None]
    """Of what the last preview showed. None before there was one."""
    report: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """What the import did."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]


class ImportMapping(Base):
    """The mapping of the columns with which an organization imported last."""

    __tablename__ = "import_mapping"
    __table_args__ = {"schema": "intake"}

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    column_map: Mapped[dict[str, Any]] = mapped_column(JSONB)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TopicFiguresRow(Base):
    """The figures about the topics of a cycle as they were shown last. They are kept so that the next ones differ by
    the answers of a group and never by those of one person."""

    __tablename__ = "topic_figures"
    __table_args__ = {"schema": "intake"}

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    cycle_id: Mapped[UUID] = mapped_column(primary_key=True)
    items: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """What is shown of each topic; no hidden figure is stored."""
    taken_at: Mapped[datetime]


class Link(Base):
    """A participant's link to one round. Only the hash of its token is stored; the token itself is in the e-mail."""

    __tablename__ = "link"
    __table_args__ = (
        Index("ix_link_round_id", "organization_id", "round_id"),
        {"schema": "intake"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    token_hash: Mapped[str] = mapped_column(unique=True)
    """The SHA-256 of the token, in hexadecimal digits."""
    round_id: Mapped[UUID]
    cycle_id: Mapped[UUID]
    kind: Mapped[str]
    person_id: Mapped[UUID]
    minted_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    searched_at: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)), server_default=text("'{}'"))
    """When colleagues were searched with this link within the last hour."""


class Absence(Base):
    """On which days somebody is away, and who stands in for them."""

    __tablename__ = "absence"
    __table_args__ = {"schema": "intake"}

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    deputy_id: Mapped[UUID]
    first_day: Mapped[date]
    last_day: Mapped[date]
