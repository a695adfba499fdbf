"""What the rows say of a cycle whose workflow begins again, because Temporal has lost it or because it disagrees."""

from abc import ABC, abstractmethod
from uuid import UUID

from pydantic import AwareDatetime
from temporalio import activity

from shared.contracts.base import Contract
from shared.contracts.feedback import ConcernReason, ConcernRung
from shared.contracts.notifications import Announcement, Template
from shared.contracts.programs import CycleRef, Outcome, Pause, Stage
from shared.contracts.rounds import RoundKind

TOLD_BY_OTHERS = frozenset(
    {
        *(Template.PAIR_ENDED, Template.PARTNER_LEFT, Template.PEOPLE_LEFT, Template.WEEKLY_OVERVIEW),
        *(Template.CONCERN_RAISED, Template.CONCERN_REMINDER, Template.CONCERN_ESCALATED),
        *(Template.ENDPOINT_FAILING, Template.ENDPOINT_DISABLING_SOON, Template.ENDPOINT_DISABLED),
    }
)
"""The messages that neither a cycle announces nor one of its rounds."""


class RoundStanding(Contract):
    """A round as its row tells it."""

    id: UUID
    kind: RoundKind
    number: int
    open: bool
    opened_at: AwareDatetime
    closes_at: AwareDatetime
    told_at: AwareDatetime | None = None


class CycleStanding(Contract):
    """How far a cycle has come, and what an admin has asked of it."""

    stage: Stage
    since: AwareDatetime
    """When the stage was recorded."""
    outcome: Outcome | None = None
    """How the cycle ends, if that was known when its closing began."""
    pauses: tuple[Pause, ...] = ()
    """Those that are over, in their order."""
    paused_at: AwareDatetime | None = None
    """Since when the cycle is paused; None if it is not."""
    cancelling: bool = False
    started: bool = False
    """An admin wants a cycle that waits for its date to start now."""
    advanced: UUID | None = None
    """The round that an admin wanted to close early last."""
    rounds: tuple[RoundStanding, ...] = ()
    """In the order in which they were opened."""


class OffersStanding(Contract):
    """The match runs of a cycle, and what became of its offers."""

    approved: tuple[UUID, ...] = ()
    attempts: tuple[int, ...] = ()
    """The attempts of the runs that were approved."""
    attempt: int = 1
    """The last attempt."""
    waiting: UUID | None = None
    """The run that waits for its approval."""
    declines: int = 0
    """How often somebody has lost a partner since the last run was made."""


class AnnouncementStanding(Contract):
    announcement: Announcement
    unfinished: bool
    """Some of its messages wait, or were never prepared."""


class AnnouncementsFound(Contract):
    announcements: tuple[AnnouncementStanding, ...] = ()


class OpenMatter(CycleRef):
    """A concern that is open."""

    concern_id: UUID
    round_id: UUID
    """The check-in round that raised it."""
    reason: ConcernReason
    rung: ConcernRung | None
    """Who was told of it last."""
    raised_at: AwareDatetime


class ProgramsRecovery(ABC):
    @activity.defn
    @abstractmethod
    async def read_standing(self, request: CycleRef) -> CycleStanding: ...


class MatchingRecovery(ABC):
    @activity.defn
    @abstractmethod
    async def read_offers(self, request: CycleRef) -> OffersStanding: ...


class NotificationsRecovery(ABC):
    @activity.defn
    @abstractmethod
    async def find_announcements(self, request: CycleRef) -> AnnouncementsFound:
        """The announcements that the cycle and its rounds have made: those that are unfinished, and all of the rounds
        that are open."""
