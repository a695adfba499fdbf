"""The documents in which the public API shows messages: counts, ids and codes, and never a name, address or text."""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from services.notifications.rules.messages import Channel, MessageState
from services.notifications.rules.waiting import WaitingFor
from shared.contracts.notifications import Template

MessageSort = Literal["due_at", "-due_at"]
"""How messages are sorted; the minus sign turns the order round."""


class MessageCount(BaseModel):
    """How many messages there are. `state` is null for reminders of check-ins and surveys: only those get one who have
    not answered, and who that is can be told by what became of them."""

    template: Template
    state: MessageState | None
    messages: int


class FailedMessage(BaseModel):
    """A message that will never arrive, and is no reminder of a check-in or survey. `code` is `smtp_<reply code>`,
    `undeliverable`, `invalid_address` or `smtputf8_unsupported`."""

    id: UUID
    person_id: UUID
    template: Template
    occurrence: int
    code: str
    attempts: int


class CycleMessages(BaseModel):
    counts: list[MessageCount]
    failed: list[FailedMessage]
    """One page of the failed messages."""
    next: str | None
    """Cursor of the next page of failed messages."""


class Message(BaseModel):
    """One message to one person: what it is, when it was or will be sent, and what became of it. Its text is told to
    nobody but its reader."""

    id: UUID
    cycle_id: UUID | None
    person_id: UUID
    template: Template
    occurrence: int
    """Counts repeated messages, such as reminders, from 1. It is a large number where an event causes the message."""
    channel: Channel
    state: MessageState
    announced_at: AwareDatetime
    due_at: AwareDatetime
    """When it was or will be sent at the earliest."""
    sent_at: AwareDatetime | None
    attempts: int
    code: str | None
    """Why it failed or was dropped."""
    waiting_for: WaitingFor | None = None
    """What it waits for; null unless it waits."""


class MessagePage(BaseModel):
    items: list[Message]
    next: str | None
    total: int | None = None
    """How many messages there are on all pages. Null on later pages, and if there are more than 20,000."""


class MessagePreview(BaseModel):
    """A message in sample data."""

    template: Template
    subject: str
    text: str
    html: str


class MessagePreviews(BaseModel):
    items: list[MessagePreview]
    next: str | None = None
    """Always null, as all of them fit one page."""
