"""What a message is before it is text: its identity, its states and how long a server may put it off.

A person gets one message per (scope, template, occurrence). Its ids are derived from exactly that, so writing it again
is the same row, and sending it again is the same RFC 5322 Message-ID, which mail servers and readers take as one.
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
    """Not sent, as it lost its point: the round is over, the person has answered or left, the endpoint is gone."""


class NewMessage(NamedTuple):
    person_id: UUID
    channel: Channel
    due_at: datetime


class DueMessage(NamedTuple):
    id: UUID
    person_id: UUID


class ClaimedMessage(NamedTuple):
    """A waiting message whose row this transaction has locked."""

    id: UUID
    organization_id: UUID
    cycle_id: UUID | None
    person_id: UUID
    template: Template
    channel: Channel
    message_id: str
    deferrals: int


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
    """How long to wait once the server has put a message off `deferrals` times (1 and up): a minute, doubling, at most
    an hour. None when it has been asked often enough."""
    if deferrals >= MOST_DEFERRALS:
        return None
    return min(FIRST_PAUSE * (1 << (deferrals - 1)), LONGEST_PAUSE)
