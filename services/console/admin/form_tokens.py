"""The token that every form carries, which shows that the form was made for the session that sends it.

It is an HMAC-SHA-256 of a random part, keyed with the secret of the session's cookie: another site knows neither, and a
form that was made for another session is recognised. The random part makes the token of each page another one, so that
it cannot be guessed from the length of compressed pages.
"""

import hashlib
import hmac
import secrets

FIELD = "form_token"
"""The name of the field in every form."""
RANDOM_BYTES = 12


def new_form_token(secret: str) -> str:
    return _token(secret, secrets.token_hex(RANDOM_BYTES))


def is_form_token(token: str, secret: str) -> bool:
    """Whether the token was made with this secret. An empty secret makes no token."""
    random, _, _ = token.partition(".")
    return bool(secret) and hmac.compare_digest(token.encode(), _token(secret, random).encode())


def _token(secret: str, random: str) -> str:
    mac = hmac.new(secret.encode(), f"form.{random}".encode(), hashlib.sha256)
    return f"{random}.{mac.hexdigest()}"
