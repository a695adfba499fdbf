"""The table of one-time codes. Organizations and access keys are declared in `shared.auth`, sessions in
`shared.sessions`, as every service authenticates its own callers."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.database import Base


class SignInCode(Base):
    """A code that signs somebody in once, as an access key would. The row is deleted when it is used."""

    __tablename__ = "sign_in_code"
    __table_args__ = {"schema": "accounts"}

    code_hash: Mapped[str] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("programs.access_key.id", ondelete="cascade"))
    expires_at: Mapped[datetime]
