"""What the pages of a review read of the API."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.base import Contract
from shared.contracts.intake import NamedPerson, PoolPerson
from shared.contracts.matching import MatchRunState, PairReason, PairState, Side
from shared.contracts.programs import MatchingPolicy

MATCHED, PINNED, BY_HAND = "matched", "pinned", "by_hand"
"""How a pair came about."""


class CycleFacts(Contract):
    id: UUID
    program_id: UUID
    program_name: str
    time_zone: str
    period: str


class CycleList(Contract):
    items: tuple[CycleFacts, ...]


class RunLine(Contract):
    id: UUID
    attempt: int
    revision: int
    state: MatchRunState
    created_at: AwareDatetime


class RunLines(Contract):
    items: tuple[RunLine, ...]


class Couple(Contract):
    mentor_id: UUID
    mentee_id: UUID


class HandMade(Couple):
    override_reason: str | None = None


class Steering(Contract):
    """What admins have decided about a run. It is always sent whole."""

    pins: tuple[Couple, ...] = ()
    forbidden: tuple[Couple, ...] = ()
    by_hand: tuple[HandMade, ...] = ()
    dropped: tuple[UUID, ...] = ()
    policy: MatchingPolicy | None = None

    @property
    def decisions(self) -> int:
        """How many things admins have decided."""
        lists = (self.pins, self.forbidden, self.by_hand, self.dropped)
        return sum(map(len, lists)) + (self.policy is not None)


class Fit(Contract):
    low: int
    middle: int
    best: int


class Total(Contract):
    people: int
    points: int


class Run(RunLine):
    cycle_id: UUID
    policy: dict[str, Any]
    certified: bool
    total: Total | None = None
    enrolled: int
    pairs_count: int
    unmatched_count: int
    approved_at: AwareDatetime | None = None
    approved_by: str | None = None
    steered_by: str | None = None
    steering: Steering
    fit: Fit | None = None

    @property
    def waits(self) -> bool:
        """Whether it can be steered and approved."""
        return self.state is MatchRunState.PROPOSED

    @property
    def applied(self) -> MatchingPolicy:
        return MatchingPolicy.model_validate(self.policy)


class Alternative(Contract):
    side: Side
    person_id: UUID
    points: int
    partners: tuple[UUID, ...]
    people: int
    costs: int
    exact: bool = False


class PairFacts(Contract):
    id: UUID
    match_run_id: UUID
    mentor_id: UUID
    mentee_id: UUID
    state: PairState
    score: int
    reasons: tuple[str, ...] = ()
    reason_codes: tuple[PairReason, ...] = ()
    origin: str = MATCHED
    override_reason: str | None = None
    alternatives: tuple[Alternative, ...] = ()


class PairFactsList(Contract):
    items: tuple[PairFacts, ...]
    next: str | None = None
    total: int | None = None


class Change(Contract):
    constraint: str
    candidates: int
    free: int = 0
    min_level_gap: int | None = None
    max_level_gap: int | None = None


class UnmatchedFacts(Contract):
    person_id: UUID
    reason: str
    candidates: int
    blocked: dict[str, int] = {}
    change: Change | None = None


class UnmatchedFactsList(Contract):
    items: tuple[UnmatchedFacts, ...]
    next: str | None = None
    total: int | None = None


class People(Contract):
    items: tuple[NamedPerson, ...]
    next: str | None = None
    total: int | None = None


class Candidate(Contract):
    person_id: UUID
    side: Side
    points: int
    forbidden_by: tuple[str, ...] = ()
    partners: tuple[UUID, ...] = ()
    chosen: bool = False


class Candidates(Contract):
    items: tuple[Candidate, ...]
    total: int


class PoolInputs(Contract):
    labels: dict[str, str] = {}
    people: tuple[PoolPerson, ...] = ()


class Inputs(Contract):
    inputs: PoolInputs


class Coverage(Contract):
    people: int
    pairs: int
    points: int


class ScoredPair(Couple):
    score: int


class PartnerChange(Contract):
    person_id: UUID
    before: tuple[UUID, ...]
    after: tuple[UUID, ...]


class Preview(Contract):
    before: Coverage
    after: Coverage
    newly_matched: tuple[UUID, ...] = ()
    no_longer_matched: tuple[UUID, ...] = ()
    changed: tuple[PartnerChange, ...] = ()
    pairs_added: tuple[ScoredPair, ...] = ()
    pairs_removed: tuple[ScoredPair, ...] = ()
    first_topic_won: tuple[UUID, ...] = ()
    first_topic_lost: tuple[UUID, ...] = ()


class Reviewed(Contract):
    """What whoever approves has seen."""

    pairs: int
    unmatched: int


class Approved(Contract):
    approved_at: datetime | None = None
