"""What the pages of wordings read from the public API, and what they send to it."""

from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.base import Contract
from shared.contracts.notifications import PageText, Template


class Text(Contract):
    subject: str
    body: str


class Trial(Text):
    template: Template | PageText
    language: str


class SourcedText(Text):
    source: str


class Placeholder(Contract):
    name: str
    meaning: str
    example: str


class Wording(SourcedText):
    changed: bool
    otherwise: SourcedText
    placeholders: tuple[Placeholder, ...]
    updated_at: AwareDatetime | None = None


class Changed(Contract):
    language: str
    source: str


class Line(Contract):
    template: Template | PageText
    changed: tuple[Changed, ...]


class Lines(Contract):
    items: tuple[Line, ...]
    pages: tuple[Line, ...] = ()


class Preview(Contract):
    subject: str
    text: str


class ProgramName(Contract):
    id: UUID
    name: str


class ProgramNames(Contract):
    items: tuple[ProgramName, ...]
