"""Matching: match runs and pairs."""

from abc import abstractmethod
from enum import StrEnum
from functools import cached_property, partial
from operator import is_, not_
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field
from temporalio import activity

from shared.contracts.base import Contract
from shared.contracts.intake import Leaver, TeachingLevel
from shared.contracts.programs import Direction, MatchingPolicy
from shared.contracts.rounds import RoundActivities


class Side(StrEnum):
    """The part that a person plays in a pair."""

    MENTOR = "mentor"
    MENTEE = "mentee"


class PairState(StrEnum):
    PROPOSED = "proposed"
    OFFERED = "offered"
    ACTIVE = "active"
    ON_HOLD = "on_hold"
    ENDED = "ended"
    COMPLETED = "completed"
    DECLINED = "declined"


class MatchRunState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    SUPERSEDED = "superseded"
    """A newer run of the cycle took its place before it was approved."""
    EXPIRED = "expired"
    """The time for offers ended before the run was approved."""


class EndReason(StrEnum):
    """Why a pair ended or was declined."""

    NOT_A_FIT = "not_a_fit"
    NO_TIME = "no_time"
    LEFT_COMPANY = "left_company"
    DECLINED = "declined"
    NO_ANSWER = "no_answer"
    CYCLE_CANCELLED = "cycle_cancelled"
    OTHER = "other"


class ReasonCode(StrEnum):
    """What speaks for a pair."""

    TEACHES = "teaches"
    """`side` teaches `topics`, which the other one wants to learn."""
    WISHED = "wished"
    """`side` is the other one's wish number `rank`."""
    SHARED_HOURS = "shared_hours"
    """Both can meet for `hours` a week."""
    LEVEL_GAP = "level_gap"
    """They stand `levels` apart."""
    SAME_LOCATION = "same_location"
    DIFFERENT_LOCATIONS = "different_locations"
    DIFFERENT_DEPARTMENTS = "different_departments"
    WAITED = "waited"
    """`side` found no partner in an earlier cycle."""


class TaughtTopic(Contract):
    """A topic that one of a pair teaches and the other one wants to learn."""

    topic: str
    """The topic's code."""
    label: str
    """What the program called it when the pair was proposed."""
    level: TeachingLevel
    choice: int
    """At which rank the other one wants it, from 1."""


IS_NONE = partial(is_, None)
"""Called for each field of thousands of reasons. Unlike a lambda, it needs no frame of Python."""


class PairReason(Contract):
    """One reason for a pair, as a code with its arguments. `shared/language/reasons.py` makes sentences of it."""

    code: ReasonCode | str
    """One of `ReasonCode`, or a newer one."""
    side: Annotated[Side | None, Field(exclude_if=IS_NONE)] = None
    topics: Annotated[tuple[TaughtTopic, ...], Field(exclude_if=not_)] = ()
    rank: Annotated[int | None, Field(exclude_if=IS_NONE)] = None
    hours: Annotated[float | None, Field(exclude_if=IS_NONE)] = None
    mentor_days: Annotated[tuple[int, ...], Field(exclude_if=not_)] = ()
    """The days of the shared hours on the mentor's clock, counted from 0, which is Monday."""
    mentee_days: Annotated[tuple[int, ...], Field(exclude_if=not_)] = ()
    """The same days on the mentee's clock."""
    levels: Annotated[int | None, Field(exclude_if=IS_NONE)] = None

    @cached_property
    def plain(self) -> tuple[object, ...]:
        """All that it says as plain values, which are hashed and compared faster than the reason itself."""
        topics = [(topic.label, topic.level, topic.choice) for topic in self.topics]
        days = (self.mentor_days, self.mentee_days)
        return (str(self.code), self.side, self.rank, self.hours, self.levels, *days, *topics)


class ProposeMatches(Contract):
    """Asks for a match run. Attempt 1 is the cycle's first run; later ones match only people who have no pair, such as
    those whose pair was declined."""

    organization_id: UUID
    cycle_id: UUID
    attempt: int
    direction: Direction
    policy: MatchingPolicy


class Proposal(Contract):
    match_run_id: UUID
    enrolled: int
    """How many people enrolled; 0 ends the cycle."""
    pairs: int
    unmatched: int


class ConcludeOffers(Contract):
    organization_id: UUID
    cycle_id: UUID


class OffersConcluded(Contract):
    active: int


class ConcludePairs(Contract):
    """Ends the cycle's active pairs. Their state becomes `completed` at the closing, and `ended` if the cycle is
    cancelled."""

    organization_id: UUID
    cycle_id: UUID
    state: PairState


class PairsConcluded(Contract):
    pairs: int


class PairSummary(Contract):
    """One pair as other services see it."""

    id: UUID
    mentor_id: UUID
    mentee_id: UUID
    state: PairState
    topics: tuple[str, ...] = ()
    activated_at: AwareDatetime | None = None
    reasons: tuple[str, ...] = ()
    """Why the two were matched, in English sentences."""
    reason_codes: tuple[PairReason, ...] = ()
    """The same as codes. Empty for pairs of older match runs."""
    score: int = 0

    def side_of(self, person_id: UUID) -> Side:
        """The part that this person, one of the two, plays in the pair."""
        return Side.MENTOR if person_id == self.mentor_id else Side.MENTEE


class PairPage(Contract):
    pairs: tuple[PairSummary, ...]
    after: UUID | None = None


class MatchingSummary(Contract):
    """Counts for the report. Each person is counted once."""

    enrolled: int
    mentors: int
    mentees: int
    matched: int
    """People in a pair that was offered."""
    active: int
    """People in a pair that went live."""
    completed: int
    pairs_offered: int
    pairs_active: int
    """Pairs that went live, including those that ended since."""
    pairs_completed: int
    pairs_ended: int
    awaiting_approval: UUID | None = None
    """The id of the latest match run, as long as it waits for an approval."""


class AcceptanceDecision(Contract):
    pair_id: UUID
    accept: bool


class AcceptanceAnswer(Contract):
    decisions: Annotated[tuple[AcceptanceDecision, ...], Field(min_length=1, max_length=20)]


class Offer(Contract):
    """One offered pair as one of its two people sees it."""

    pair_id: UUID
    side: Side
    """The part that the reader plays."""
    partner_id: UUID
    reasons: tuple[str, ...]
    """Why the two were matched, in English sentences."""
    reason_codes: tuple[PairReason, ...] = ()
    """The same as codes. Empty for pairs of older match runs."""
    accepted: bool | None = None
    settled: bool = False
    """Whether no other answer is taken any more: the reader declined, or both accepted."""


class AcceptanceForm(Contract):
    offers: tuple[Offer, ...]


class ReleasedPair(Contract):
    pair_id: UUID
    cycle_id: UUID


class LeaverReleased(Contract):
    pairs: tuple[ReleasedPair, ...]
    """The offered and live pairs that ended because the person left, also those of an earlier call."""


class MatchingActivities(RoundActivities):
    """The activities of matching, which owns the acceptance rounds. These ask both sides of every pair that is offered
    and has not been asked yet."""

    @activity.defn
    @abstractmethod
    async def propose_matches(self, request: ProposeMatches) -> Proposal:
        """Computes and stores one match run with its proposed pairs, once for each cycle and attempt. It heartbeats."""

    @activity.defn
    @abstractmethod
    async def conclude_offers(self, request: ConcludeOffers) -> OffersConcluded:
        """Declines the pairs that are still offered, expires the match runs that are still proposed, and counts the
        active pairs."""

    @activity.defn
    @abstractmethod
    async def conclude_pairs(self, request: ConcludePairs) -> PairsConcluded: ...

    @activity.defn
    @abstractmethod
    async def release_leaver(self, request: Leaver) -> LeaverReleased:
        """Declines the offered pairs of somebody who has left and ends their live ones, with the reason
        `left_company`. Their partners are asked about them no more, and are free for other pairs."""
