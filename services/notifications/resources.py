"""The documents in which the public API shows messages: counts, ids and codes, and never a name, address or text."""

from uuid import UUID

from pydantic import BaseModel

from services.notifications.rules.messages import MessageState
from shared.contracts.notifications import Template


class MessageCount(BaseModel):
    template: Template
    state: MessageState
    messages: int


class FailedMessage(BaseModel):
    """A message that will never arrive. `code` is `smtp_<reply code>`, `undeliverable`, `invalid_address` or
    `smtputf8_unsupported`."""

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
