"""Signatures by which a consumer knows that a delivery is ours, unchanged and recent.

Standard Webhooks 1.0 (https://www.standardwebhooks.com), symmetric: `v1,` and the base64 of the HMAC-SHA256 of
`{webhook-id}.{webhook-timestamp}.{body}`. While a secret is being rotated there are two, and so two signatures:
consumers accept a delivery when one of them fits.
"""

import base64
import hashlib
import hmac
import secrets as chance
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
KEY_BYTES = 32


def new_secret() -> str:
    """A secret as it is shown to the organization: `whsec_` and the base64 of 32 random bytes."""
    return PREFIX + base64.b64encode(chance.token_bytes(KEY_BYTES)).decode()


def signed_headers(secrets: Sequence[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of one attempt, made at `at` (aware; consumers take five minutes' difference). `message_id` stays the
    same over all attempts and holds no full stop. Raises ValueError for what no consumer could verify."""
    if not secrets or not message_id or "." in message_id or at.tzinfo is None:
        raise ValueError("a signature needs a secret, an id without full stops and a time with a zone")
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [f"v1,{_signature(secret, signed)}" for secret in secrets]
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
