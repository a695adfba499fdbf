"""Announcements and messages: what is said to people."""

from abc import ABC, abstractmethod
from enum import StrEnum
from uuid import UUID, uuid5

from pydantic import AwareDatetime
from temporalio import activity

from shared.contracts.base import Contract, Vocabulary
from shared.contracts.rounds import RoundKind


class Template(Vocabulary):  # the texts of each are in services/notifications/templates/
    """The messages that Upward sends to people."""

    ENROLMENT_INVITATION = "enrolment_invitation"
    ENROLMENT_REMINDER = "enrolment_reminder"
    ACCEPTANCE_INVITATION = "acceptance_invitation"
    ACCEPTANCE_REMINDER = "acceptance_reminder"
    CHECK_IN_INVITATION = "check_in_invitation"
    CHECK_IN_REMINDER = "check_in_reminder"
    SURVEY_INVITATION = "survey_invitation"
    SURVEY_REMINDER = "survey_reminder"
    KICKOFF = "kickoff"
    UNMATCHED = "unmatched"
    CYCLE_CANCELLED = "cycle_cancelled"
    CYCLE_COMPLETED = "cycle_completed"
    NOBODY_ENROLLED = "nobody_enrolled"
    NOBODY_MATCHED = "nobody_matched"
    NOBODY_ACCEPTED = "nobody_accepted"
    APPROVAL_NEEDED = "approval_needed"
    APPROVAL_REMINDER = "approval_reminder"
    APPROVAL_ESCALATED = "approval_escalated"
    CONCERN_RAISED = "concern_raised"
    CONCERN_REMINDER = "concern_reminder"
    CONCERN_ESCALATED = "concern_escalated"
    ENDPOINT_FAILING = "endpoint_failing"
    ENDPOINT_DISABLING_SOON = "endpoint_disabling_soon"
    ENDPOINT_DISABLED = "endpoint_disabled"


class Audience(StrEnum):
    ROUND = "round"
    """Everyone in the round who has not answered yet."""
    PARTICIPANTS = "participants"
    """Both sides of every active pair of the cycle."""
    UNMATCHED = "unmatched"
    """Enrolled people without a live pair."""
    ENROLLED = "enrolled"
    """Everyone who enrolled in the cycle, and who was asked to and has not answered."""
    COORDINATORS = "coordinators"
    SPONSOR = "sponsor"
    """The sponsor, or the coordinators where the program has none."""
    PERSON = "person"
    """One person, whom the announcement names by id."""


class Announcement(Contract):
    """One thing to say to an audience. A person gets one message per (scope, template, occurrence)."""

    organization_id: UUID
    cycle_id: UUID | None = None
    """None when it belongs to no cycle; it is then for one person and due at once."""
    scope_id: UUID
    """What it is about: a round, a match run, a concern, the cycle itself or an endpoint."""
    template: Template
    audience: Audience
    round_kind: RoundKind | None = None
    """Set when the scope is a round: the message carries a link to answer it."""
    occurrence: int = 1
    """Counts repeats of a reminder; of what an event brings about, the event's sequence."""
    person_id: UUID | None = None
    """Whom it is for; set when the audience is one person."""

    @property
    def id(self) -> UUID:
        return uuid5(self.scope_id, f"{self.template.value}-{self.occurrence}")


class PrepareMessages(Contract):
    announcement: Announcement
    after: UUID | None = None
    """Cursor: the last person of the page before."""


class MessagesPrepared(Contract):
    prepared: int
    after: UUID | None = None
    """Cursor of the next page, None when all are prepared."""


class AnnouncementRef(Contract):
    organization_id: UUID
    announcement_id: UUID


class DeliverMessages(AnnouncementRef):
    pass


class Delivery(Contract):
    sent: int
    failed: int
    waiting: int
    """Messages that are not final yet."""
    next_due_at: AwareDatetime | None = None


class DropMessages(AnnouncementRef):
    """Gives up what has not been sent: its round is over."""


class MessagesDropped(Contract):
    dropped: int


class NotificationsActivities(ABC):
    @activity.defn
    @abstractmethod
    async def prepare_messages(self, request: PrepareMessages) -> MessagesPrepared:
        """Writes one page of messages (natural key: scope, person, template, occurrence) with their due times."""

    @activity.defn
    @abstractmethod
    async def deliver_messages(self, request: DeliverMessages) -> Delivery:
        """Sends what is due, heartbeating; a server that is away raises, and Temporal retries."""

    @activity.defn
    @abstractmethod
    async def drop_messages(self, request: DropMessages) -> MessagesDropped: ...
