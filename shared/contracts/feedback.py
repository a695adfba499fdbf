"""Feedback: check-ins, the closing survey, concerns, and the report of a cycle."""

from abc import abstractmethod
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field
from temporalio import activity

from shared.contracts.base import Contract
from shared.contracts.matching import Side
from shared.contracts.programs import Outcome
from shared.contracts.rounds import RoundActivities

Usefulness = Annotated[int, Field(ge=1, le=5, description="1 not at all useful, 5 very useful")]
Note = Annotated[str, Field(max_length=2000)]


class Obstacle(StrEnum):
    NONE = "none"
    NO_TIME = "no_time"
    CANCELLED = "cancelled"
    TOPIC = "topic"
    NOT_A_FIT = "not_a_fit"
    OTHER = "other"


class ConcernReason(StrEnum):
    MISSED_CHECK_INS = "missed_check_ins"
    NOT_A_FIT = "not_a_fit"


class Resolution(StrEnum):
    """How a concern ended, as whoever resolved it says."""

    TALKED = "talked"
    """Somebody talked to both, and the pair goes on."""
    PAIR_ENDED = "pair_ended"
    NOT_NEEDED = "not_needed"
    """It turned out to be no concern, such as silence during a leave."""
    OTHER = "other"


class ConcernRung(StrEnum):
    COORDINATOR = "coordinator"
    SPONSOR = "sponsor"


class CheckInEntry(Contract):
    pair_id: UUID
    met: bool
    usefulness: Usefulness | None = None
    """Required if they met."""
    obstacle: Obstacle = Obstacle.NONE
    note: Note = ""
    """Only the other person of the pair reads it."""


class CheckInAnswer(Contract):
    entries: Annotated[tuple[CheckInEntry, ...], Field(min_length=1, max_length=20)]


class SurveyEntry(Contract):
    pair_id: UUID
    usefulness: Usefulness
    would_repeat: bool
    comment: Note = ""


class SurveyAnswer(Contract):
    entries: Annotated[tuple[SurveyEntry, ...], Field(min_length=1, max_length=20)]


class PairQuestion(Contract):
    """One pair that a participant is asked about."""

    pair_id: UUID
    side: Side
    """The part that the reader plays."""
    partner_id: UUID
    answered: bool = False
    check_in: CheckInEntry | None = None
    """What the reader answered in this check-in before. It is read over internal HTTP only."""
    survey: SurveyEntry | None = None
    """What the reader answered in this survey before. It is read over internal HTTP only."""
    partner_note: str = ""
    """The last note that the partner left for the two of them. It is read over internal HTTP only."""


class CheckInForm(Contract):
    number: int
    """Counts the cycle's check-ins from 1."""
    pairs: tuple[PairQuestion, ...]


class SurveyForm(Contract):
    pairs: tuple[PairQuestion, ...]


class EscalateConcern(Contract):
    organization_id: UUID
    concern_id: UUID
    rung: ConcernRung


class ConcernState(Contract):
    open: bool


class EscalateRound(Contract):
    """All concerns about missed check-ins that one round raised, as one matter."""

    organization_id: UUID
    cycle_id: UUID
    round_id: UUID
    rung: ConcernRung


class RoundConcerns(Contract):
    open: int
    """How many of the concerns that the round raised about missed check-ins are open."""


class ConcernWord(StrEnum):
    """What the workflows of concerns hear from their cycle. The value is the name of the signal."""

    PAUSE = "pause"
    RESUME = "resume"
    RESOLVE = "resolve"


class TellConcerns(Contract):
    organization_id: UUID
    cycle_id: UUID
    word: ConcernWord
    after: UUID | None = None
    """The cursor: the last concern of the page before. None for the first page."""


def workflow_of_concern(concern_id: UUID) -> str:
    """The id of the workflow of a concern that is a matter by itself."""
    return f"concern-{concern_id}"


def workflow_of_digest(round_id: UUID) -> str:
    """The id of the workflow of all concerns that a round raised about missed check-ins."""
    return f"digest-{round_id}"


class ConcernsTold(Contract):
    told: int
    """How many workflows heard it."""
    after: UUID | None = None
    """The cursor of the next page; None when all have been told."""


class ResolveConcerns(Contract):
    """Resolves what is open about pairs that have ended because somebody left."""

    organization_id: UUID
    pair_ids: Annotated[tuple[UUID, ...], Field(max_length=1000)]
    """All pairs of one person, who may be in ten of each cycle that runs."""


class ConcernsResolved(Contract):
    concerns: int


class CompileReport(Contract):
    organization_id: UUID
    cycle_id: UUID
    outcome: Outcome


class ReportCompiled(Contract):
    outcome: Outcome


class FeedbackActivities(RoundActivities):
    """The activities of feedback, which owns the check-in and survey rounds. They ask both people of every
    active pair."""

    @activity.defn
    @abstractmethod
    async def escalate_concern(self, request: EscalateConcern) -> ConcernState:
        """Records that this rung is told of the concern now, and says whether the concern is still open. If it is not,
        nothing is recorded."""

    @activity.defn
    @abstractmethod
    async def escalate_round(self, request: EscalateRound) -> RoundConcerns:
        """The same for all open concerns that a round raised about missed check-ins."""

    @activity.defn
    @abstractmethod
    async def tell_concerns(self, request: TellConcerns) -> ConcernsTold:
        """Signals the workflows of one page of the cycle's open concerns. Those that do not run are passed over: one
        that starts later reads whether the cycle is paused."""

    @activity.defn
    @abstractmethod
    async def resolve_concerns(self, request: ResolveConcerns) -> ConcernsResolved: ...

    @activity.defn
    @abstractmethod
    async def compile_report(self, request: CompileReport) -> ReportCompiled:
        """Stores the report of a cycle that is over, and resolves the concerns that are still open."""
