"""The documents about access keys. Pure."""

from enum import StrEnum

from pydantic import AwareDatetime, ConfigDict

from shared.contracts.accounts import Role
from shared.contracts.base import Contract
from shared.contracts.text import Name


class KeyState(StrEnum):
    VALID = "valid"
    REVOKED = "revoked"


class KeyDefinition(Contract):
    """A key as an owner asks for it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "coordinator", "label": "Ana"}]})

    role: Role
    label: Name
    """What it is for. Make one key for each person or system."""


class Key(Contract):
    """An access key without the key itself."""

    id: str
    """The part of the key that may be shown: what stands between its underscores."""
    role: Role
    label: str
    created_at: AwareDatetime
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


class KeyPage(Contract):
    items: tuple[Key, ...]
    next: str | None = None
    """Cursor of the next page, null on the last."""
