"""The rules of a message: its identity, its states, its channel, and how long a channel may put it off. Pure.

A person gets one message for each scope, template and occurrence. Its ids are derived from exactly these. So preparing
it again leads to the same row, and sending it again to the same Message-ID (RFC 5322), by which mail servers and mail
programs recognize a copy.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID, uuid5

from shared.contracts.intake import Contact
from shared.contracts.notifications import Announcement, Template

MOST_DEFERRALS = 12
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
LONGEST_WAIT = timedelta(days=5)
"""So long after it was due a message is given up that cannot be sent."""


class Channel(StrEnum):
    """A way to a person. `channels/registry.py` says how each takes messages."""

    EMAIL = "email"


class MessageState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    """Its channel has taken it: the mail server has answered 250."""
    FAILED = "failed"
    """Its channel refused it for good, or put it off too often."""
    DROPPED = "dropped"
    """It was not sent, as it is not needed any more: the round is over, the person has answered or left, or the
    endpoint is gone."""


class NewMessage(NamedTuple):
    person_id: UUID
    channel: Channel
    due_at: datetime


class ClaimedMessage(NamedTuple):
    """A waiting message that one delivery has leased, so that no other sends it."""

    id: UUID
    organization_id: UUID
    cycle_id: UUID | None
    person_id: UUID
    template: Template
    channel: Channel
    message_id: str
    due_at: datetime
    deferrals: int
    lease: UUID


class StoredAnnouncement(NamedTuple):
    announcement: Announcement
    created_at: datetime


def channel_for(contact: Contact) -> Channel:
    """The one channel by which this person gets a message. Everybody has an e-mail address."""
    return Channel.EMAIL


def message_uuid(announcement: Announcement, person_id: UUID) -> UUID:
    """The id of this person's message, derived from its natural key."""
    return uuid5(announcement.scope_id, f"{person_id}|{announcement.template.value}|{announcement.occurrence}")


def message_id(announcement: Announcement, person_id: UUID, mail_domain: str) -> str:
    """The Message-ID header (RFC 5322, 3.6.4), the same at every attempt."""
    return f"<{message_uuid(announcement, person_id)}@{mail_domain}>"


def pause_after(deferrals: int) -> timedelta | None:
    """How long to wait after a message has been put off `deferrals` times (1 and up): a minute, then twice as long each
    time, and at most an hour. None after so many times that the message is given up."""
    if deferrals >= MOST_DEFERRALS:
        return None
    return min(FIRST_PAUSE * (1 << (deferrals - 1)), LONGEST_PAUSE)
