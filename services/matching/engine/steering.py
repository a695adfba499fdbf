"""What an admin decides about a match run before approving it. Pure.

A run carries its whole steering as one document. A change of one thing sends the rest of the document again.
"""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.contracts.programs import MatchingPolicy

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


class _Strict(BaseModel):
    """An unknown field is an error, because a mistyped name must not be ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PersonCouple(_Strict):
    mentor_id: UUID
    mentee_id: UUID


class HandMadePair(PersonCouple):
    """A pair that the admin makes. If it breaks a hard constraint, a written reason is required and kept."""

    override_reason: Reason | None = None


class Steering(_Strict):
    """Pinned pairs and pairs by hand are kept; everybody else is matched around them."""

    pins: Annotated[tuple[PersonCouple, ...], Field(max_length=5000)] = ()
    """Couples that must be pairs; they must meet every hard constraint."""
    forbidden: Annotated[tuple[PersonCouple, ...], Field(max_length=5000)] = ()
    """Couples that must not be pairs, in neither direction."""
    by_hand: Annotated[tuple[HandMadePair, ...], Field(max_length=500)] = ()
    dropped: Annotated[tuple[UUID, ...], Field(max_length=5000)] = ()
    """People who are not matched in this run."""
    policy: MatchingPolicy | None = None
    """Replaces the program's policy for this run."""
