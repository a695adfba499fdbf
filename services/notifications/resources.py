"""The documents in which the public API shows messages: counts, ids and codes, and never a name, address or text."""

from uuid import UUID

from pydantic import BaseModel

from services.notifications.rules.messages import MessageState
from shared.contracts.notifications import Template


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
