"""The documents in which the public API shows messages: counts, ids and codes, and never a name, address or text."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from services.notifications.rules.messages import Channel, MessageState
from services.notifications.rules.waiting import WaitingFor
from services.notifications.rules.wording import MOST_BODY, MOST_SUBJECT, Placeholder, clean_body
from shared.contracts.notifications import PageText, Template
from shared.contracts.text import clean_text
from shared.language.choosing import SpokenLanguage

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


class Resent(BaseModel):
    """`messages` is how many failed messages are sent again."""

    messages: int


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
    """A message in sample data. Of a text of a page, `subject` is the heading, and nobody sends it."""

    template: Template | PageText
    sender: str
    """The name and address in its From header."""
    subject: str
    text: str
    html: str
    """The address of the logo in it is `cid:logo`: in a mail the picture is attached."""


class MessagePreviews(BaseModel):
    items: list[MessagePreview]
    next: str | None = None
    """Always null, as all of them fit one page."""


class Source(StrEnum):
    """Who wrote the words that a message has."""

    PROGRAM = "program"
    """They are written for this program."""
    ORGANIZATION = "organization"
    """They are written for all programs of the organization."""
    UPWARD = "upward"
    """They are ours."""


class Readers(StrEnum):
    PARTICIPANTS = "participants"
    STAFF = "staff"
    """Coordinators and sponsors."""


class PlaceholderInfo(BaseModel):
    """A value that a wording may name in braces, such as `{program}`."""

    name: Placeholder
    meaning: str
    example: str
    """Its value in the preview."""


class WordingText(BaseModel):
    """A subject, and the paragraphs between the greeting and the button, with empty lines between them. It is plain
    text: the only thing in braces is the name of a placeholder."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"subject": "Join {program}", "body": "{organization} invites you to {program}."}]
        },
    )

    subject: Annotated[str, Field(min_length=1, max_length=MOST_SUBJECT), AfterValidator(clean_text)]
    body: Annotated[str, Field(min_length=1, max_length=MOST_BODY), AfterValidator(clean_body)]


class WordingTrial(WordingText):
    """A wording that is only looked at. A text of a page has its heading as `subject`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "template": "kickoff",
                    "language": "en",
                    "subject": "{program} starts",
                    "body": "You two are a match in {program}.",
                }
            ]
        },
    )

    template: Template | PageText
    language: SpokenLanguage


class SourcedText(BaseModel):
    subject: str
    body: str
    source: Source


class Wording(SourcedText):
    """The words of a template's messages, or of a text of participants' pages (its `subject` is the heading), in one
    language. `version` is also its ETag."""

    template: Template | PageText
    language: str
    program_id: UUID | None
    """The program whose messages are looked at; null stands for those of all programs."""
    readers: Readers
    changed: bool
    """Whether there is a wording of its own for exactly this program, or for all programs."""
    otherwise: SourcedText
    """What the messages say once this wording is reset."""
    placeholders: list[PlaceholderInfo]
    version: int
    """0 as long as nothing was ever written here."""
    updated_at: AwareDatetime | None
    """When this wording was written or reset; null as long as it never was."""


class ChangedWording(BaseModel):
    language: str
    source: Source
    updated_at: AwareDatetime


class WordingLine(BaseModel):
    """A template, and the languages in which its messages are not in our words."""

    template: Template
    readers: Readers
    changed: list[ChangedWording]


class PageLine(BaseModel):
    """A text of participants' pages, and the languages in which it is not in our words."""

    template: PageText
    changed: list[ChangedWording]


class Wordings(BaseModel):
    items: list[WordingLine]
    pages: list[PageLine]
    """The texts of participants' pages."""
    next: str | None = None
    """Always null, as all of them fit one page."""
