"""The token in a participant's link: 256 random bits that let one person answer one round while it is open."""

import hashlib
import secrets
from datetime import timedelta

from shared.errors import Gone, NotFound

LIFETIME = timedelta(days=180)


class LinkUnknown(NotFound):
    code = "link_unknown"


class LinkExpired(Gone):
    code = "link_expired"


def new_token() -> str:
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """The hash that is stored. A plain SHA-256 is enough, because the token has 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()
