"""What the public API shows: ids, codes, counts and times, and nothing that people wrote."""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.feedback.rules.concerns import ConcernStatus
from services.feedback.rules.report import Report
from shared.contracts.base import Contract
from shared.contracts.feedback import ConcernReason, ConcernRung, Resolution

ConcernSort = Literal["id", "-id", "raised_at", "-raised_at"]
"""How concerns are sorted; the minus sign turns the order round."""


class ConcernResource(Contract):
    id: UUID
    cycle_id: UUID
    round_id: UUID
    pair_id: UUID
    person_id: UUID | None
    """Who missed the check-ins, or who said that it is not a fit; null for viewers."""
    reason: ConcernReason | None
    """Null for viewers."""
    rung: ConcernRung | None
    """Who was told last; null before anybody was told."""
    state: ConcernStatus
    raised_at: AwareDatetime
    escalated_at: AwareDatetime | None
    resolved_at: AwareDatetime | None
    resolved_by: str | None
    """The id of the access key that resolved it; null if the end of the cycle did, or the person, who withdrew it."""
    resolution: Resolution | None = None
    """How it ended, if whoever resolved it said so. Null for viewers."""
    assignee_id: UUID | None = None
    """The person who takes care of it."""
    withdrawn_at: AwareDatetime | None = None
    """When the person changed the answer that had raised the concern. If it was still open, that resolved it. Null for
    viewers, because only "not a fit" can be withdrawn."""

    def anonymous(self) -> "ConcernResource":
        """The same concern without whom it is about, why it was raised, and how it ended."""
        return self.model_copy(update={"person_id": None, "reason": None, "resolution": None, "withdrawn_at": None})


class ResolveConcern(BaseModel):
    """How a concern ended. An unknown field is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [{"resolution": "talked"}]})

    resolution: Resolution | None = None


class AssignConcern(BaseModel):
    """Who takes care of a concern; null for nobody. An unknown field is refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"person_id": "5e0c83b1-2f4d-4c8a-9d1e-7b6a3f2c1d0e"}]},
    )

    person_id: UUID | None


class ConcernPage(Contract):
    items: tuple[ConcernResource, ...]
    next: str | None
    total: int | None = None
    """How many concerns there are on all pages. Null on later pages, and if there are more than 20,000."""

    def anonymous(self) -> "ConcernPage":
        """The same concerns without whom they are about, and why."""
        return self.model_copy(update={"items": tuple(item.anonymous() for item in self.items)})


class ReportResource(Report):
    cycle_id: UUID
    compiled_at: AwareDatetime
