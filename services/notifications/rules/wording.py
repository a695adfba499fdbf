"""An organization's own words for a message: what they may hold, and how they are filled with a reader's values. Pure.

This is no template language. `{program}` stands for a value and nothing else does; any other brace is an error, so that
`{program.__class__}` is a placeholder that is not known. A value that is filled in is never looked at again. Greeting,
button, deadline and footer of a message are not part of its wording.
"""

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

from services.notifications.rules.rendering import (
    AnyFacts,
    Facts,
    OwnWords,
    Partner,
    block_of,
    has_wording,
    one_line,
)
from shared.contracts.matching import Side
from shared.contracts.notifications import PageText, Template
from shared.contracts.programs import Direction
from shared.contracts.round_kinds import DECLARATIONS
from shared.contracts.rounds import RoundKind
from shared.contracts.text import has_hidden
from shared.language import page_texts
from shared.language.own_words import BRACES, filled, paragraphs_of
from shared.language.words import Words, translatable

Worded = Template | PageText
"""What an organization may word itself: a message, or a text of a page."""

MOST_SUBJECT, MOST_BODY = 200, 4000
"""Characters."""
MOST_SHOWN = 60
"""So many characters of an unknown placeholder are repeated."""
LINE_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
FOR_STAFF = ("approval_", "concern_", "people_", "nobody_", "cycle_completed", "messages_", "weekly_", "endpoint_")
"""How the names of those templates begin that coordinators, sponsors and owners of endpoints read."""


class Placeholder(StrEnum):
    GIVEN_NAME = "given_name"
    PROGRAM = "program"
    PERIOD = "period"
    ORGANIZATION = "organization"
    DEADLINE = "deadline"
    NUMBER = "number"


class About(NamedTuple):
    """What a placeholder stands for."""

    meaning: str
    """Translated where it is shown."""
    value: Callable[[Facts], str | None]


ABOUT = {
    Placeholder.GIVEN_NAME: About(translatable("The first name of the reader"), lambda facts: facts.given_name),
    Placeholder.PROGRAM: About(translatable("The name of the program"), lambda facts: facts.program_name),
    Placeholder.PERIOD: About(translatable("The name of the cycle"), lambda facts: facts.period),
    Placeholder.ORGANIZATION: About(
        translatable("The name of your organization"), lambda facts: facts.organization_name
    ),
    Placeholder.DEADLINE: About(
        translatable("Until when the reader can answer, in their time zone"), lambda facts: facts.deadline
    ),
    Placeholder.NUMBER: About(
        translatable("Which check-in it is"), lambda facts: None if facts.number is None else str(facts.number)
    ),
}
ALWAYS = (Placeholder.GIVEN_NAME, Placeholder.PROGRAM, Placeholder.PERIOD, Placeholder.ORGANIZATION)


class Wording(NamedTuple):
    """A subject of one line, and paragraphs of plain text between empty lines. Both may hold placeholders."""

    subject: str
    body: str


class Fault(NamedTuple):
    """Why a wording cannot be used."""

    field: str
    code: str
    """`unknown_placeholder` or `lone_brace`."""
    detail: str
    placeholder: str = ""
    """The name that is not known, as far as it is shown."""


def clean_body(value: str) -> str:
    """The text with one kind of line break and one empty line between paragraphs. Raises ValueError for a text that is
    empty or holds characters that nobody sees."""
    lines = LINE_BREAKS.sub("\n", value)
    if has_hidden(lines):
        raise ValueError("control characters and characters that nobody sees are not allowed")
    told = "\n\n".join(paragraphs_of(lines))
    if not told:
        raise ValueError("must not be empty")
    return told


def may_be_worded(template: Worded) -> bool:
    return isinstance(template, PageText) or has_wording(template)


def is_for_staff(template: Worded) -> bool:
    """Whether coordinators and sponsors read it, and not participants."""
    return template.value.startswith(FOR_STAFF)


def placeholders_of(template: Worded) -> tuple[Placeholder, ...]:
    """Those that have a value in every message of this template, or on every page with this text."""
    if isinstance(template, PageText):
        return tuple(Placeholder(name) for name in page_texts.placeholders_of(template))
    asking = [kind for kind, one in DECLARATIONS.items() if template in (one.invitation, one.reminder)]
    counted = (Placeholder.NUMBER,) if RoundKind.CHECK_IN in asking else ()
    return (*ALWAYS, *((Placeholder.DEADLINE,) if asking else ()), *counted)


def faults_of(template: Worded, wording: Wording) -> list[Fault]:
    """What is wrong with the braces of a wording, each unknown placeholder once a field."""
    return list(dict.fromkeys(_faults(template, wording)))


def own_words(template: Worded, facts: AnyFacts, wording: Wording | None) -> OwnWords | None:
    """The wording with the values of its reader. None if there is none, or if it cannot be filled, as when a later
    version has fewer placeholders: then the message is sent in our words."""
    if wording is None or not isinstance(facts, Facts) or not may_be_worded(template):
        return None
    if faults_of(template, wording):
        return None
    values = {name.value: ABOUT[name].value(facts) for name in placeholders_of(template)}
    subject, *paragraphs = (filled(text, values) for text in (wording.subject, *paragraphs_of(wording.body)))
    if subject is None or not one_line(subject) or not paragraphs:
        return None
    told = tuple(paragraph for paragraph in paragraphs if paragraph is not None)
    return OwnWords(one_line(subject), told) if len(told) == len(paragraphs) else None


def our_words(template: Worded, words: Words, direction: Direction) -> Wording:
    """What Upward itself writes, with placeholders where the values stand."""
    named = {name: f"{{{name}}}" for name in Placeholder}
    if isinstance(template, PageText):
        values = {name.value: named[name] for name in Placeholder}
        heading, paragraphs = page_texts.ours(template, words, values, direction)
        return Wording(heading, "\n\n".join(paragraphs))
    partner = Partner("", "", "", "", Side.MENTEE, (), None)
    facts = {
        "words": words,
        "given_name": named[Placeholder.GIVEN_NAME],
        "program_name": named[Placeholder.PROGRAM],
        "organization_name": named[Placeholder.ORGANIZATION],
        "period": named[Placeholder.PERIOD],
        "number": named[Placeholder.NUMBER],
        "deadline": named[Placeholder.DEADLINE],
        "staff": is_for_staff(template),
        "direction": direction,
        "partners": (partner, partner),  # so that the subject of the kickoff fits every reader
    }
    subject, body = (block_of(template, name, facts) for name in ("subject", "wording"))
    return Wording(one_line(subject), body)


def _faults(template: Worded, wording: Wording) -> Iterator[Fault]:
    known = placeholders_of(template)
    for field, text in wording._asdict().items():
        for found in BRACES.finditer(text):
            name = found[1]
            if name is None:
                yield Fault(field, "lone_brace", "A brace may only stand around the name of a placeholder.")
            elif name not in known:
                shown = name if len(name) <= MOST_SHOWN else name[: MOST_SHOWN - 1] + "…"
                listed = ", ".join(f"{{{one}}}" for one in known)
                detail = f"{{{shown}}} is no placeholder of this message; it has {listed}."
                yield Fault(field, "unknown_placeholder", detail, shown)
