"""What the pages about access keys read, send and show. Pure."""

from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import AwareDatetime

from shared.contracts.accounts import ONE_TIME_LABEL, Role
from shared.contracts.base import Contract
from shared.language.words import translatable

ROLES = {
    Role.VIEWER.value: translatable("Reads everything but webhook endpoints and what is personal."),
    Role.COORDINATOR.value: translatable("Also approves matches, pauses and resumes cycles, and resolves concerns."),
    Role.ADMIN.value: translatable("Also defines programs, imports people, starts and cancels cycles."),
    Role.OWNER.value: translatable("Also makes, replaces and revokes keys."),
}
DONE = {"revoked": translatable("The key was revoked. Whoever was signed in with it is signed out.")}
STATES = {
    "valid": translatable("Valid"),
    "expired": translatable("Have expired"),
    "revoked": translatable("Revoked"),
}
LENGTHS = {
    "30": translatable("30 days"),
    "90": translatable("90 days"),
    "365": translatable("one year"),
    "730": translatable("two years"),
}
"""For how many days a key may be valid."""
OVERLAPS = {
    "0": translatable("not at all: it is refused at once"),
    "24": translatable("for 24 hours"),
    "168": translatable("for 7 days"),
    "720": translatable("for 30 days"),
}
"""For how many hours an old key is still taken."""
SOON = timedelta(days=30)
"""So long before its end a key is marked."""


class Key(Contract):
    id: str
    role: Role
    label: str
    state: str = "valid"
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    networks: tuple[str, ...] = ()
    replaced_by: str | None = None
    last_used_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    sessions: int
    last_owner: bool


class Keys(Contract):
    items: tuple[Key, ...]
    next: str | None = None


class NewKey(Contract):
    role: str
    label: str
    valid_days: int
    networks: tuple[str, ...]


class MadeKey(Contract):
    id: str
    role: Role
    label: str
    expires_at: AwareDatetime | None = None
    key: str | None = None


class Rotation(Contract):
    overlap_hours: int


class RotatedKey(MadeKey):
    old_expires_at: AwareDatetime


class Line(NamedTuple):
    key: Key
    own: bool
    """Whether the visitor signed in with it."""
    soon: bool
    """Whether it ends soon, and nothing takes its place yet."""
    replaceable: bool
    """Whether a new key can take its place."""


def lines_of(keys: Keys, own_id: str, now: datetime) -> tuple[Line, ...]:
    return tuple(_line(key, own_id, now) for key in keys.items)


def is_replaceable(key: Key) -> bool:
    """Whether a new key can take its place. Nobody has the one that one-time addresses stand for."""
    return key.state == "valid" and key.replaced_by is None and key.label != ONE_TIME_LABEL


def _line(key: Key, own_id: str, now: datetime) -> Line:
    ends = key.state == "valid" and key.expires_at is not None and key.expires_at < now + SOON
    return Line(key, key.id == own_id, ends and key.replaced_by is None, is_replaceable(key))


def networks_in(typed: str) -> tuple[str, ...]:
    """The networks in a field, one a line or separated by commas."""
    return tuple(typed.replace(",", "\n").split())
