"""The documents about access keys, sessions, and how an organization shows itself. Pure."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StringConstraints

from services.accounts.rules.colours import COLOUR
from services.accounts.rules.networks import network_of
from shared.contracts.accounts import Brand, Role, SessionTimes
from shared.contracts.base import Contract
from shared.contracts.text import NAME_SPECIALS, Name, clean_text


def _no_specials(value: str) -> str:
    if NAME_SPECIALS.search(value):
        raise ValueError('must not hold any of ( ) < > [ ] : ; @ \\ , "')
    return value


def _colour(value: str) -> str:
    value = value.strip().lower()
    if COLOUR.fullmatch(value) is None:
        raise ValueError("must be # and six hexadecimal digits, such as #1b655f")
    return value


SenderName = Annotated[
    str, StringConstraints(min_length=1, max_length=60), AfterValidator(clean_text), AfterValidator(_no_specials)
]
Colour = Annotated[str, StringConstraints(max_length=20), AfterValidator(_colour)]


Network = Annotated[str, StringConstraints(max_length=60), AfterValidator(network_of)]
A_YEAR = 365
MOST_DAYS = 3650
MOST_NETWORKS = 20
MOST_OVERLAP_HOURS = 30 * 24
Networks = Annotated[tuple[Network, ...], Field(max_length=MOST_NETWORKS)]
Days = Annotated[int, Field(ge=1, le=MOST_DAYS)]


class KeyState(StrEnum):
    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


class KeyDefinition(Contract):
    """A key as an owner asks for it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"role": "coordinator", "label": "Ana", "valid_days": 90, "networks": ["203.0.113.0/24"]}]
        },
    )

    role: Role
    label: Name
    """What it is for. Make one key for each person or system."""
    valid_days: Days = A_YEAR
    """After so many days it is refused."""
    networks: Networks = ()
    """The networks from which it is taken, such as `203.0.113.0/24` or a single address. Empty for all."""


class KeyRotation(Contract):
    """How a key is replaced by a new one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"overlap_hours": 48}]})

    overlap_hours: Annotated[int, Field(ge=0, le=MOST_OVERLAP_HOURS)] = 24
    """For so long the old key is still taken, but never longer than it would have been."""
    valid_days: Days | None = None
    """After so many days the new key is refused. Null: after as many as the old one was made for, or a year if that
    does not expire."""


class Key(Contract):
    """An access key without the key itself."""

    id: str
    """The part of the key that may be shown: what stands between its underscores."""
    role: Role
    label: str
    state: KeyState
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    """From then on it is refused. Null for a key that does not expire: one of an earlier version, and the one that
    one-time addresses stand for, which nobody has."""
    networks: tuple[str, ...]
    """The networks from which it is taken. Empty for all."""
    replaced_by: str | None
    """The id of the key that was made to take its place."""
    last_used_at: AwareDatetime | None
    """The hour in which it was used last, itself or by a session; null if it never was."""
    revoked_at: AwareDatetime | None
    sessions: int
    """How many people are signed in with it."""
    last_owner: bool
    """Whether it is the last key by which an owner can sign in, so that it cannot be revoked."""


class NewAccessKey(Key):
    key: str | None = None
    """The key. It is shown now and never again: it is null when the request is repeated."""


class RotatedKey(NewAccessKey):
    """The new key, and what becomes of the old one."""

    replaces: str
    """The id of the old key."""
    old_expires_at: AwareDatetime
    """From then on the old key is refused, and its sessions have ended."""


class KeyPage(Contract):
    items: tuple[Key, ...]
    next: str | None = None
    """Cursor of the next page, null on the last."""


class OwnSession(SessionTimes):
    """A session of whoever has this access key."""

    last_used_at: AwareDatetime
    """The hour in which it was used last."""
    current: bool
    """Whether it is the one that asks."""


class OwnSessions(Contract):
    items: tuple[OwnSession, ...]
    """At most a hundred, the one that was used last first."""


class BrandDefinition(Contract):
    """How an organization shows itself. What is null or left out is ours."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"sender_name": "Acme Learning", "accent": "#7a2048", "accent_dark": None}]},
    )

    sender_name: SenderName | None = None
    """The name of the sender in mails. The address stays that of the mail server."""
    accent: Colour | None = None
    """The colour of buttons and links as `#rrggbb`, in the light theme and in mails."""
    accent_dark: Colour | None = None
    """The same in the dark theme. Null: it is made from `accent`."""


class BrandDetails(BrandDefinition, Brand):
    """What is set, the colours that follow from it, and the logo. `version` is also its ETag."""

    model_config = ConfigDict(extra="ignore")

    version: int
    """0 as long as nothing was ever set."""
    updated_at: AwareDatetime | None
    """Null as long as nothing was ever set."""
