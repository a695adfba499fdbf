"""Tables of notifications. Of a message neither the text is stored nor a name, an address or a link in it, as it is
composed when it is sent."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.notifications.rules.messages import Channel, MessageState
from shared.database import Base


class AnnouncementRow(Base):
    """One thing that is said to an audience."""

    __tablename__ = "announcement"
    __table_args__ = (
        UniqueConstraint("organization_id", "scope_id", "template", "occurrence"),
        {"schema": "notifications"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    cycle_id: Mapped[UUID | None]
    scope_id: Mapped[UUID]
    template: Mapped[str]
    audience: Mapped[str]
    round_kind: Mapped[str | None]
    occurrence: Mapped[int]
    person_id: Mapped[UUID | None]
    """The person whom it is for, if its audience is one person."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    held_code: Mapped[str | None]
    """The refusal for which it waits, as the mail server gives it to everybody, such as `smtp_550`."""
    held_until: Mapped[datetime | None]
    """When it is tried again."""
    holds: Mapped[int] = mapped_column(server_default="0")
    """How often it has waited so."""
    prepared_at: Mapped[datetime | None]
    """When the last of its messages was stored, or when they were given up. From then on no other is added."""


class MessageRow(Base):
    """One message of an announcement to one person by one channel."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("organization_id", "scope_id", "person_id", "template", "occurrence"),
        Index(
            "ix_message_in_turn",
            "organization_id",
            "announcement_id",
            "attempts",
            "due_at",
            "id",
            postgresql_where=text("state = 'waiting'"),
        ),
        # Deleting an announcement looks for its messages by this column alone.
        Index("ix_message_announcement", "announcement_id"),
        Index("ix_message_cycle_id", "organization_id", "cycle_id"),
        Index("ix_message_due_at", "organization_id", "due_at", "id"),
        Index("ix_message_person_id", "organization_id", "person_id"),
        {"schema": "notifications"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    announcement_id: Mapped[UUID] = mapped_column(ForeignKey("notifications.announcement.id"))
    cycle_id: Mapped[UUID | None]
    scope_id: Mapped[UUID]
    person_id: Mapped[UUID]
    template: Mapped[str]
    occurrence: Mapped[int]
    channel: Mapped[str] = mapped_column(server_default=Channel.EMAIL)
    state: Mapped[str] = mapped_column(server_default=MessageState.WAITING)
    message_id: Mapped[str]
    """The Message-ID header."""
    due_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    failure_code: Mapped[str | None]
    """Why it failed or was dropped, such as `smtp_550`, `undeliverable` or `not_asked`."""
    attempts: Mapped[int] = mapped_column(server_default="0")
    """How often it was tried."""
    deferrals: Mapped[int] = mapped_column(server_default="0")
    """How often its channel put it off, such as by a 4xx answer."""
    lease: Mapped[UUID | None]
    """The delivery that sends it just now, or did so when it died."""
    leased_until: Mapped[datetime | None]
    """From when on another delivery may take it."""


class OwnWords(Base):
    """An organization's own words in one language."""

    __abstract__ = True

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    scope_id: Mapped[UUID] = mapped_column(primary_key=True)
    """The program for which they are; the organization itself if they are for all of its programs."""
    template: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str | None]
    """Null, as the body is, after the words were reset. The row stays, so that its versions go on."""
    body: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default="0")
    field_versions: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class WordingRow(OwnWords):
    """The words of the messages of a `Template`."""

    __tablename__ = "wording"
    __table_args__ = {"schema": "notifications"}


class PageWordingRow(OwnWords):
    """The words of a `PageText`, whose heading is the subject."""

    __tablename__ = "page_wording"
    __table_args__ = {"schema": "notifications"}
