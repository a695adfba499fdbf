"""Sessions of people who have signed in: their table, their tokens, and how long they live.

A session begins with an access key, which is sent once and is not needed again. It may do what its key may do now, in
the networks of its key, and it ends with its key. A token has the form `ups_<secret>`, where the secret has 256 random
bits; only the SHA-256 of the token is stored. Only `services/accounts` opens and ends sessions. The table is declared
here because every service authenticates its own callers (`shared/auth.py`).
"""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, Index, UniqueConstraint, and_, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.database import Base

IDLE = timedelta(hours=12)
"""A session that nobody uses for so long has ended."""
LONGEST = timedelta(days=7)
"""A session ends after this time, however much it is used."""
NOTED_EVERY = timedelta(minutes=1)
"""How exactly the time of the last use is kept, so that not every request writes it."""
TOKEN = re.compile(r"ups_[0-9A-Za-z_-]{43}")


class SessionRow(Base):
    __tablename__ = "session"
    __table_args__ = (UniqueConstraint("token_hash"), Index(None, "key_id"), {"schema": "accounts"})

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    key_id: Mapped[str] = mapped_column(ForeignKey("programs.access_key.id", ondelete="cascade"))
    """The access key by which somebody signed in."""
    token_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.now())


def new_session_token() -> str:
    """Makes a token. It is shown once and never stored."""
    return f"ups_{secrets.token_urlsafe(32)}"


def is_session_token(text: str) -> bool:
    """Whether the text has the form of a token."""
    return TOKEN.fullmatch(text) is not None


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def is_alive() -> ColumnElement[bool]:
    """The condition that a session has not ended by itself. Whether its key is valid is asked of the key."""
    return and_(SessionRow.last_used_at > func.now() - IDLE, SessionRow.created_at > func.now() - LONGEST)
