"""A round asks many people for one thing by a deadline. The contract is the same for every kind and owner."""

from abc import ABC, abstractmethod
from datetime import timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid5

from pydantic import AwareDatetime, Field
from temporalio import activity

from shared.contracts.base import Contract, Vocabulary

REMINDERS_APART = timedelta(hours=24)
"""Nobody is reminded because an admin asks for it, if a round told them anything in so long a time, nor in so long a
time afterwards."""


class RoundKind(Vocabulary):  # what belongs to each kind is declared in shared/contracts/round_kinds.py
    """What a round asks people for."""

    ENROLMENT = "enrolment"
    ACCEPTANCE = "acceptance"
    CHECK_IN = "check_in"
    SURVEY = "survey"


class RoundState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class CloseReason(StrEnum):
    DEADLINE = "deadline"
    ANSWERED = "answered"
    ADVANCED = "advanced"
    CANCELLED = "cancelled"


class RecipientState(StrEnum):
    """Which of the people asked: `pending` have not answered and are still asked, `all` are asked or have answered."""

    PENDING = "pending"
    ALL = "all"


def round_id_for(cycle_id: UUID, kind: RoundKind, number: int) -> UUID:
    """The id of a cycle's round. It follows from the arguments, so that opening a round again opens no second one."""
    return uuid5(cycle_id, f"{kind.value}-{number}")


class OpenRound(Contract):
    organization_id: UUID
    cycle_id: UUID
    round_id: UUID
    kind: RoundKind
    number: int
    """Counts the cycle's rounds of this kind from 1."""
    closes_at: AwareDatetime


class RoundOpened(Contract):
    recipients: int
    """How many answers are asked for: one for each person and subject. The subject is a pair, or the cycle itself."""
    closes_at: AwareDatetime
    open: bool = True
    """False if the round has been opened and closed before."""
    pending: int | None = None
    """How many answers are missing; None from a process of the version before."""


class CloseRound(Contract):
    organization_id: UUID
    round_id: UUID
    reason: CloseReason


class RoundClosed(Contract):
    recipients: int
    answered: int


class ExtendRound(Contract):
    organization_id: UUID
    round_id: UUID
    closes_at: AwareDatetime


class RoundExtended(Contract):
    closes_at: AwareDatetime


class FindPending(Contract):
    """Asks who of these people has not answered in a round and is still asked."""

    person_ids: Annotated[tuple[UUID, ...], Field(max_length=1000)]


class RoundCounts(Contract):
    """One round with the counts of its answers."""

    id: UUID
    kind: RoundKind
    number: int
    state: RoundState
    opened_at: AwareDatetime
    closes_at: AwareDatetime
    closed_at: AwareDatetime | None = None
    close_reason: CloseReason | None = None
    recipients: int
    answered: int
    pending: int
    told_at: AwareDatetime | None = None
    """When its last invitation or reminder was announced; null before, and for rounds of older versions."""


class AnswerRecorded(Contract):
    """Confirms that a participant's answer was stored."""

    round_id: UUID
    closes_at: AwareDatetime


class RoundActivities(ABC):
    """What the owner of a round does for `RoundWorkflow`. Each activity may be repeated for the same `round_id`."""

    @activity.defn
    @abstractmethod
    async def open_round(self, request: OpenRound) -> RoundOpened: ...

    @activity.defn
    @abstractmethod
    async def extend_round(self, request: ExtendRound) -> RoundExtended: ...

    @activity.defn
    @abstractmethod
    async def close_round(self, request: CloseRound) -> RoundClosed: ...
