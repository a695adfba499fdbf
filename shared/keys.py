"""Organizations and their access keys: the tables, the form of a key, how long one is valid, and from which networks it
is taken.

An access key has the form `upw_<key id>_<secret><checksum>`. The key id is that of the stored row, the secret has 256
random bits, and the checksum (CRC-32, base 36) shows that a text is a key: secret scanners find keys by it, and a
mistyped key is refused without a look into the database. Only the SHA-256 of the whole key is stored; a slow hash
would add nothing to 256 random bits. Only `services/accounts` makes, changes and revokes keys. The table is declared
here because every service authenticates its own callers, and notes that their key was used (`shared/auth.py`).
"""

import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from uuid import UUID

from sqlalchemy import ColumnElement, String, UniqueConstraint, and_, func, or_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.accounts import Role
from shared.contracts.base import Contract
from shared.database import Base

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
KEY = re.compile(r"^upw_([0-9a-z]{12})_([0-9a-f]{64})([0-9a-z]{7})$")
Address = IPv4Address | IPv6Address


class OrganizationRow(Base):
    """An organization. Everything else in the database belongs to one."""

    __tablename__ = "organization"
    __table_args__ = (UniqueConstraint("name"), {"schema": "programs"})

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AccessKey(Base):
    __tablename__ = "access_key"
    __table_args__ = {"schema": "programs"}

    id: Mapped[str] = mapped_column(primary_key=True)
    """The key id, which is the part of the key that may be shown."""
    organization_id: Mapped[UUID]
    role: Mapped[str]
    label: Mapped[str]
    key_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    """From then on it is refused. Null for a key that does not expire, as those of earlier versions."""
    networks: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    """The networks (CIDR) from which it is taken; null for all."""
    replaced_by: Mapped[str | None]
    """The id of the key that was made to take its place."""
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    """The hour in which it was used last, itself or by a session, so that at most one request an hour writes it."""


class Caller(Contract):
    organization_id: UUID
    key_id: str
    role: Role
    session_id: UUID | None = None
    """The session, if the caller has signed in."""


class NewKey(Contract):
    key: str
    id: str
    key_hash: str


def new_key() -> NewKey:
    """Makes a new access key. Its `key` is shown once and never stored."""
    key_id = "".join(secrets.choice(ALPHABET) for _ in range(12))
    body = f"upw_{key_id}_{secrets.token_hex(32)}"
    key = body + _checksum(body)
    return NewKey(key=key, id=key_id, key_hash=hash_key(key))


def hash_key(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def key_id_of(key: str) -> str | None:
    """The key id, if the text has the form of a key; None otherwise."""
    found = KEY.match(key)
    if found is None or not hmac.compare_digest(_checksum(key[:-7]), found[3]):
        return None
    return found[1]


def has_expired() -> ColumnElement[bool]:
    """The condition that the time of a key is over. False for one that does not expire."""
    return func.coalesce(AccessKey.expires_at <= func.now(), False)


def is_valid() -> ColumnElement[bool]:
    """The condition that a key is neither revoked nor expired."""
    return and_(AccessKey.revoked_at.is_(None), or_(AccessKey.expires_at.is_(None), AccessKey.expires_at > func.now()))


def address_in(text: str) -> Address | None:
    """The address that a text is; None if it is none. An IPv4 address within IPv6 (`::ffff:192.0.2.1`) is that IPv4
    address, as a server that listens to both is told it so."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_within(address: Address | None, networks: Sequence[str] | None) -> bool:
    """Whether the address is in one of the networks. Without networks every address is, also one that is not known."""
    if networks is None:
        return True
    return address is not None and any(address in _network(network) for network in networks)


@lru_cache(maxsize=4096)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 36)
        digits = ALPHABET[digit] + digits
    return digits.rjust(7, "0")
