"""What the public API answers about match runs, pairs and unmatched people: ids and codes, never names."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.matching.engine.inputs import Inputs
from services.matching.engine.reasons import Origin
from services.matching.engine.rules.eligibility import Constraint
from services.matching.engine.steering import Steering
from services.matching.engine.unmatched import UnmatchedReason
from shared.contracts.base import Contract
from shared.contracts.intake import TopicFigures
from shared.contracts.matching import EndReason, MatchRunState, PairReason, PairState, Side
from shared.contracts.programs import Direction, MatchingPolicy
from shared.language.reasons import sentences
from shared.language.words import ENGLISH, words_of

EitherSide = Literal[Side.MENTOR, Side.MENTEE]
"""A `Side` that is no component of its own in the OpenAPI document: its two values stand where it is used."""


PairSort = Literal["id", "-id", "score", "-score"]
"""How pairs are sorted; the minus sign turns the order round."""


UnmatchedSort = Literal["id", "-id", "reason", "-reason"]


class TotalView(Contract):
    """What the objective counts: people newly in a pair (always 0 under `quality_first`), then points."""

    people: int
    points: int


class AlternativeView(Contract):
    """Another partner for one side of a pair, and why it was not chosen."""

    side: EitherSide
    """Whose alternative it is."""
    person_id: UUID
    """The other possible partner."""
    points: int
    partners: tuple[UUID, ...]
    """The partners whom that person has instead."""
    people: int
    """How many more people would have no pair if this one were forced."""
    costs: int
    """By how many points the total would fall if this pair were forced and nobody lost their pair because of it."""
    exact: bool = False
    """True: the numbers are exact, as in small pools. False: the loss is at least this much."""
    detail: str


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
    """What speaks for the pair, in English sentences; what gives the most points comes first."""
    reason_codes: tuple[PairReason, ...] = ()
    """The same as codes with arguments. Empty for pairs of older runs."""
    topics: tuple[str, ...]
    origin: Origin
    """Whether the pair was computed, pinned by an admin, or made by hand by an admin."""
    override_reason: str | None
    """Why an admin made the pair although it breaks a hard constraint."""
    alternatives: tuple[AlternativeView, ...]
    round_id: UUID | None
    proposed_at: AwareDatetime
    offered_at: AwareDatetime | None
    mentor_accepted_at: AwareDatetime | None
    mentee_accepted_at: AwareDatetime | None
    declined_by: EitherSide | None
    activated_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    end_reason: EndReason | None


def pair_view(pair: object) -> PairView:
    """A stored pair as the API tells it. A pair has codes, of which sentences are made, or, if an older version stored
    it, sentences alone."""
    view = PairView.model_validate(pair, from_attributes=True)
    if not view.reason_codes:
        return view
    return view.model_copy(update={"reasons": sentences(view.reason_codes, words_of(ENGLISH))})


class ChangeView(Contract):
    """The smallest change that would have given this person a candidate: one single constraint that is lifted."""

    constraint: Constraint
    candidates: int
    """Couples that this constraint rules out and no other does."""
    free: int
    """Those of them in which the other person has a free place."""
    min_level_gap: int | None = None
    """If this setting of the policy were the change: the value that would be enough."""
    max_level_gap: int | None = None
    detail: str


class UnmatchedView(Contract):
    person_id: UUID
    reason: UnmatchedReason | Literal["not_possible"]
    """`not_possible` stands for several reasons and says no more than that, because what two people said about each
    other is told to nobody."""
    candidates: int
    blocked: dict[str, int]
    change: ChangeView | None
    detail: str


class UnmatchedList(Contract):
    items: tuple[UnmatchedView, ...]
    next: str | None = None
    total: int | None = None
    """How many there are on all pages. Null on later pages, and if there are more than 20,000."""


class MatchRunView(Contract):
    id: UUID
    program_id: UUID | None
    cycle_id: UUID
    attempt: int
    revision: int
    """1 is the revision that the cycle proposed; each steering by an admin makes the next one."""
    state: MatchRunState
    direction: Direction
    policy: dict[str, Any]
    """The policy that was applied: the one of the steering if it has one, otherwise the program's."""
    inputs_hash: str
    code_version: str
    seed: str
    certified: bool
    """The result is proven to be the best possible one: `total` equals `bound`."""
    total: TotalView | None
    """The total of the pairs that were chosen, without pins and pairs by hand. None for runs that an older version
    stored."""
    bound: TotalView | None
    """The upper bound: no choice of pairs has a higher total."""
    enrolled: int
    mentors: int
    mentees: int
    pairs_count: int
    unmatched_count: int
    created_at: AwareDatetime
    steered_by: str | None
    """The id of the access key that was used to steer the run."""
    approved_at: AwareDatetime | None
    approved_by: str | None


class FitView(Contract):
    """How good the pairs of a run are, in points, so that each can be compared with the others."""

    low: int
    """A pair with at most so many points fits less than half as well as the middle one."""
    middle: int
    best: int


class MatchRunDetail(MatchRunView):
    fit: FitView | None = None
    """Null for a run without pairs."""
    steering: Steering
    """What admins have decided so far. A change sends the whole document again."""
    pairs: tuple[PairView, ...]
    """Empty once the run is superseded or expired, because its proposed pairs are deleted then."""
    unmatched: tuple[UnmatchedView, ...]
    supply: tuple[TopicFigures, ...]
    """Topics wanted and taught in the pool, the most lacking first. Figures about fewer than five people are null; for
    viewers all of them are, because two revisions of a run differ by single people."""


class MatchRunList(Contract):
    items: tuple[MatchRunView, ...]
    next: str | None = None


class MatchRunInputs(Contract):
    """What the result of a run depends on: ids and features of people, but no names. The avoid lists of people are
    always empty here, because nobody reads them. A viewer reads nothing that people answered, except their role."""

    match_run_id: UUID
    inputs_hash: str
    code_version: str
    policy: MatchingPolicy
    """The policy that was applied."""
    inputs: Inputs


class PairList(Contract):
    items: tuple[PairView, ...]
    next: str | None = None
    total: int | None = None
    """How many pairs there are on all pages. Null on later pages, and if there are more than 20,000."""


class Reviewed(BaseModel):
    """What an admin has seen of a run who approves it. An unknown field is refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"pairs": 1, "unmatched": 0}]}
    )

    pairs: Annotated[int, Field(ge=0, le=1_000_000)]
    unmatched: Annotated[int, Field(ge=0, le=1_000_000)]


class EndPair(BaseModel):
    """Why an admin ends a pair. The other end reasons are used by the cycle itself. An unknown field is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [{"reason": "no_time"}]})

    reason: Literal[EndReason.NOT_A_FIT, EndReason.NO_TIME, EndReason.LEFT_COMPANY, EndReason.OTHER]
