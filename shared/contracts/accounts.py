"""Contracts of the service accounts: organizations, roles, and who is calling."""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict

from shared.contracts.base import Contract


class Role(StrEnum):
    """What a caller may do. Each role includes all the roles that are listed before it."""

    VIEWER = "viewer"
    COORDINATOR = "coordinator"
    ADMIN = "admin"
    OWNER = "owner"

    def covers(self, needed: "Role") -> bool:
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


ONE_TIME_LABEL = "one-time sign-in"
"""The label of the key that one-time addresses stand for. No other key may have it, so that pages may translate it."""


class Organization(Contract):
    id: UUID
    name: str


class Tone(Contract):
    """The colours of an organization in one theme of its pages, each as `#rrggbb`."""

    accent: str
    """Buttons and links."""
    ink: str
    """Text on the accent."""
    tint: str
    """The background of what is marked; the accent is text on it."""


class Palette(Contract):
    light: Tone
    dark: Tone


class Logo(Contract):
    """What is known of a logo besides its bytes."""

    digest: str
    """The SHA-256 of its bytes in hexadecimal digits, so that another logo has another address."""
    media_type: str
    """`image/png` or `image/jpeg`."""
    width: int
    """In pixels, as the height is."""
    height: int
    alt: str = ""
    """What stands for it where no pictures are shown: the name of the organization."""


class LogoFile(Logo):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    content: bytes


class Brand(Contract):
    """How an organization shows itself to its people. What is null is ours."""

    sender_name: str | None = None
    """The name of the sender of its mails."""
    palette: Palette | None = None
    logo: Logo | None = None


class SessionTimes(Contract):
    """A session without its token. It also ends when nobody has used it for 12 hours, and with its access key."""

    id: UUID
    created_at: AwareDatetime
    expires_at: AwareDatetime
    """When it ends at the latest."""


class CallerDetails(Contract):
    """Who is calling: an access key, or somebody who signed in with it."""

    organization: Organization
    role: Role
    key_id: str
    """The part of the access key that may be shown."""
    key_label: str
    """What the key was made for."""
    session: SessionTimes | None = None
    """Null for a caller who sends the access key itself."""
    brand: Brand = Brand()
    """How the organization shows itself."""
    address: str | None = None
    """The address from which the request came, as far as it is known. It is not kept."""


class NewSession(Contract):
    token: str
    """Send it as `Authorization: Bearer`, as an access key is sent. Only this answer has it."""
    session: SessionTimes
