"""Contracts of the service accounts: organizations, roles, and who is calling."""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime

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


class Organization(Contract):
    id: UUID
    name: str


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


class NewSession(Contract):
    token: str
    """Send it as `Authorization: Bearer`, as an access key is sent. Only this answer has it."""
    session: SessionTimes
