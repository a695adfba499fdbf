"""What the public API answers: match runs, pairs and unmatched people, by id and code, never by name."""

from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.matching.unmatched import UnmatchedReason
from shared.contracts.base import Contract
from shared.contracts.matching import EndReason, MatchRunState, PairState
from shared.contracts.programs import Direction


class PairView(Contract):
    id: UUID
    cycle_id: UUID
    match_run_id: UUID
    mentor_id: UUID
    mentee_id: UUID
    state: PairState
    score: int
    """Sum of the contributions, in thousandths of the policy's weights."""
    contributions: dict[str, int]
    reasons: tuple[str, ...]
    topics: tuple[str, ...]
    round_id: UUID | None
    proposed_at: AwareDatetime
    offered_at: AwareDatetime | None
    mentor_accepted_at: AwareDatetime | None
    mentee_accepted_at: AwareDatetime | None
    declined_by: Literal["mentor", "mentee"] | None
    activated_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    end_reason: EndReason | None


class UnmatchedView(Contract):
    person_id: UUID
    reason: UnmatchedReason
    candidates: int
    blocked: dict[str, int]
    detail: str


class MatchRunView(Contract):
    id: UUID
    cycle_id: UUID
    attempt: int
    state: MatchRunState
    direction: Direction
    policy: dict[str, Any]
    inputs_hash: str
    code_version: str
    seed: str
    optimal: bool
    """False when the solver's limit came before the proof."""
    enrolled: int
    mentors: int
    mentees: int
    pairs_count: int
    unmatched_count: int
    created_at: AwareDatetime
    approved_at: AwareDatetime | None
    approved_by: str | None


class MatchRunDetail(MatchRunView):
    pairs: tuple[PairView, ...]
    """Empty once a run was superseded or expired: what it proposed is gone."""
    unmatched: tuple[UnmatchedView, ...]


class MatchRunList(Contract):
    items: tuple[MatchRunView, ...]
    next: str | None = None


class PairList(Contract):
    items: tuple[PairView, ...]
    next: str | None = None


class EndPair(BaseModel):
    """Why an admin ends a pair; the other end reasons belong to the cycle itself. An unknown field is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Literal[EndReason.NOT_A_FIT, EndReason.NO_TIME, EndReason.LEFT_COMPANY, EndReason.OTHER]
