"""The tables of one-time codes and of brands. Organizations and access keys are declared in `shared.auth`, sessions in
`shared.sessions`, as every service authenticates its own callers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.database import Base


class SignInCode(Base):
    """A code that signs somebody in once, as an access key would. The row is deleted when it is used."""

    __tablename__ = "sign_in_code"
    __table_args__ = {"schema": "accounts"}

    code_hash: Mapped[str] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("programs.access_key.id", ondelete="cascade"))
    expires_at: Mapped[datetime]


class BrandRow(Base):
    """How an organization shows itself. What is null is ours. The row stays after a reset, so that versions go on."""

    __tablename__ = "brand"
    __table_args__ = {"schema": "accounts"}

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    sender_name: Mapped[str | None]
    accent: Mapped[str | None]
    """As `#rrggbb`, for the light theme and for mails."""
    accent_dark: Mapped[str | None]
    """For the dark theme. Null if it is made from the accent."""
    logo: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What is known of the logo, as the contract `Logo`."""
    version: Mapped[int] = mapped_column(server_default="0")
    field_versions: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LogoRow(Base):
    """The bytes of a logo, in a table of their own because most readers of a brand need none of them."""

    __tablename__ = "logo"
    __table_args__ = {"schema": "accounts"}

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
