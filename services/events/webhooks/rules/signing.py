"""Signatures by which a consumer knows that a delivery is ours, unchanged and recent.

They follow Standard Webhooks 1.0 (https://www.standardwebhooks.com) with symmetric secrets: a signature is `v1,` and
the base64 of the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}`. While secrets are rotated there are several,
and a delivery has one signature for each. Consumers accept it if one of them is right.
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
    """The headers of one attempt, which is made at the aware time `at`. Consumers accept a difference of five minutes.
    `message_id` is the same for all attempts and contains no full stop. Raises ValueError for what no consumer could
    verify."""
    if not secrets or not message_id or "." in message_id or at.tzinfo is None:
        raise ValueError("a signature needs a secret, an id without full stops and a time with a zone")
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [f"v1,{_signature(secret, signed)}" for secret in secrets]
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
