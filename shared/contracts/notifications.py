"""Notifications: announcements, and the messages to single people that they become."""

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid5

from pydantic import AwareDatetime, Field
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
    PAIR_ENDED = "pair_ended"
    PARTNER_LEFT = "partner_left"
    PEOPLE_LEFT = "people_left"
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
    MESSAGES_HELD = "messages_held"
    WEEKLY_OVERVIEW = "weekly_overview"
    ENDPOINT_FAILING = "endpoint_failing"
    ENDPOINT_DISABLING_SOON = "endpoint_disabling_soon"
    ENDPOINT_DISABLED = "endpoint_disabled"


class PageText(StrEnum):
    """The texts of participants' pages that an organization may write itself: a heading, and what stands below it."""

    ENROLMENT_PAGE = "enrolment_page"
    ENROLMENT_THANKS = "enrolment_thanks"
    ACCEPTANCE_PAGE = "acceptance_page"
    ACCEPTANCE_THANKS = "acceptance_thanks"
    CHECK_IN_PAGE = "check_in_page"
    CHECK_IN_THANKS = "check_in_thanks"
    SURVEY_PAGE = "survey_page"
    SURVEY_THANKS = "survey_thanks"


class PageWords(Contract):
    """An organization's own words for one text of its pages in one language, as they were written."""

    text: PageText
    language: str
    heading: str
    body: str


class OwnPageWords(Contract):
    items: tuple[PageWords, ...] = ()


class Audience(StrEnum):
    ROUND = "round"
    """Everyone in the round who has not answered yet."""
    PARTICIPANTS = "participants"
    """Both sides of every active pair of the cycle."""
    UNMATCHED = "unmatched"
    """Enrolled people who are in no proposed, offered, active or completed pair."""
    ENROLLED = "enrolled"
    """Everyone who enrolled in the cycle, and everyone who was asked to and has not answered."""
    COORDINATORS = "coordinators"
    EVERY_COORDINATOR = "every_coordinator"
    """Everybody who coordinates a program of the organization of which a cycle runs."""
    SPONSOR = "sponsor"
    """The sponsor. The coordinators get it instead if the program has no sponsor, or an inactive one."""
    PAIR = "pair"
    """Both people of the pair that the scope names, as far as they have not left."""
    PERSON = "person"
    """One person, whom `person_id` of the announcement names."""


class Announcement(Contract):
    """Something to tell an audience. A person gets one message for each scope, template and occurrence."""

    organization_id: UUID
    cycle_id: UUID | None = None
    """None if it belongs to no cycle. It is then for one person and due at once, or for every coordinator."""
    scope_id: UUID
    """What it is about: a round, a match run, a pair, a concern, the cycle itself, an endpoint or the organization."""
    template: Template
    audience: Audience
    round_kind: RoundKind | None = None
    """Given if the scope is a round. The message then carries a link by which the reader answers."""
    occurrence: int = 1
    """Counts a repeated message, such as a reminder, from 1. If an event causes the message, it is derived from the
    event's id."""
    person_id: UUID | None = None
    """Whom it is for. Given if the audience is one person."""
    again: bool = False
    """Whether its messages are prepared already, and those that failed are sent again. This is not stored."""
    paused: Annotated[bool, Field(exclude_if=lambda paused: not paused)] = False
    """Whether its cycle is paused while it is started, so that nothing is sent before it hears of a pause. Neither is
    this stored."""

    @property
    def id(self) -> UUID:
        return uuid5(self.scope_id, f"{self.template.value}-{self.occurrence}")


class PrepareMessages(Contract):
    announcement: Announcement
    after: UUID | None = None
    """The cursor: the last person for whom a message was prepared before. None at the beginning."""
    rest: bool = False
    """Whether the first messages are prepared already, so that nobody waits for an answer."""


class MessagesPrepared(Contract):
    prepared: int
    after: UUID | None = None
    """The cursor with which to go on; None when all messages are prepared."""


class AnnouncementRef(Contract):
    organization_id: UUID
    announcement_id: UUID


class DeliverMessages(AnnouncementRef):
    again: bool = False
    """Whether messages are sent again that had failed. While their cycle is paused they wait: no workflow is told of
    the pause that the cycle's own announcements are told of."""


class Delivery(Contract):
    sent: int
    failed: int
    waiting: int
    """Messages that are neither sent nor given up yet."""
    next_due_at: AwareDatetime | None = None


class DropMessages(AnnouncementRef):
    """Gives up the messages that have not been sent."""


class MessagesDropped(Contract):
    dropped: int


class NotificationsActivities(ABC):
    @activity.defn
    @abstractmethod
    async def prepare_messages(self, request: PrepareMessages) -> MessagesPrepared:
        """Stores messages with the times at which they are due: the first ones for a moment, so that they can go out,
        and the rest for minutes; then it heartbeats. A message is stored once for each scope, person, template and
        occurrence."""

    @activity.defn
    @abstractmethod
    async def deliver_messages(self, request: DeliverMessages) -> Delivery:
        """Sends the messages that are due. It heartbeats. While the mail server is away it raises, and Temporal tries
        again."""

    @activity.defn
    @abstractmethod
    async def drop_messages(self, request: DropMessages) -> MessagesDropped: ...
