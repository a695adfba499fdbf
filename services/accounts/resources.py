"""The documents about access keys and about how an organization shows itself. Pure."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, ConfigDict, StringConstraints

from services.accounts.rules.colours import COLOUR
from shared.contracts.accounts import Brand, Role
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
