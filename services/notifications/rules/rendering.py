"""Rendering: a template and its facts become a subject, a plain text and HTML in the language of the reader. Pure.

Each `Template` of the contract has the files `<template>.txt.j2`, which also holds the subject, and
`<template>.html.j2`. A variable that a template uses and that is not given is an error. HTML is escaped.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from services.notifications.rules.look import OURS, Look
from shared.contracts.matching import Side
from shared.contracts.notifications import Template
from shared.contracts.programs import Direction
from shared.language.templates import speak
from shared.language.words import Words

ENVIRONMENT = Environment(
    loader=PackageLoader("services.notifications"),
    undefined=StrictUndefined,
    autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
    trim_blocks=True,
    lstrip_blocks=True,
)
speak(ENVIRONMENT)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
EMPTY_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Partner:
    """The other side of one of the reader's pairs."""

    name: str
    email: str
    job_title: str
    department: str
    side: Side
    """The partner's side of the pair."""
    topics: tuple[str, ...]
    meeting: str | None
    """When the first meeting is proposed, in the reader's words and time zone. None if the two share no time."""


@dataclass(frozen=True)
class Facts:
    """The facts that a message of a cycle may contain. All templates have the same fields."""

    given_name: str
    program_name: str
    organization_name: str
    period: str
    console_url: str
    """The page of the console about this message, for those who run the program."""
    staff: bool
    """Whether the reader coordinates or sponsors the program."""
    link: str | None = None
    """The reader's personal link to answer the round."""
    deadline: str | None = None
    number: int | None = None
    """Which check-in it is, from 1."""
    partners: tuple[Partner, ...] = ()
    direction: Direction | None = None
    """Who teaches whom in the program, which an invitation tells."""
    contact_name: str = ""
    """Whom the reader may ask. Empty if there is nobody, or if it is the reader."""
    contact_email: str = ""
    stands_in_for: str = ""
    """For whom the reader stands in, so that they get the message; empty if it is for themselves."""
    deputy: str = ""
    """Who gets the message too, because the reader is away."""


@dataclass(frozen=True)
class EndpointFacts:
    """The facts that a notice to the owner of an endpoint may contain. Times are in the owner's time zone."""

    given_name: str
    endpoint_id: str
    address: str
    """The endpoint's URL without the parts that may be secret."""
    description: str
    disable_reason: str | None = None
    """A value of `DisableReason` if the endpoint is disabled."""
    failing_since: str | None = None
    """Since when the endpoint has accepted nothing; None if it has accepted an event since the last failure."""
    disabled_at: str | None = None
    """When the endpoint will be disabled, unless it accepts an event before."""


class Entry(NamedTuple):
    """Something that needs a human."""

    text: str
    about: str
    """The program and the period of the cycle. Empty if it is about several."""
    more: str
    """What comes next, as a sentence. Empty if nothing is told."""
    address: str
    """The page of the console where it is done."""


class Ahead(NamedTuple):
    """Something that happens soon."""

    at: str
    text: str
    about: str


@dataclass(frozen=True)
class OverviewFacts:
    """The facts of a Monday overview. Times are in the time zone of its reader."""

    given_name: str
    organization_name: str
    console_url: str
    entries: tuple[Entry, ...]
    ahead: tuple[Ahead, ...] = ()
    more: int = 0
    """How many more things happen than `ahead` holds."""
    stands_in_for: str = ""
    """For whom the reader stands in, whose programs it tells of too."""
    deputy: str = ""
    """Who gets an overview of these programs too, because the reader is away."""


AnyFacts = Facts | EndpointFacts | OverviewFacts


class Rendered(NamedTuple):
    subject: str
    text: str
    html: str


class OwnWords(NamedTuple):
    """An organization's words for one message, with the values of its reader. They are plain text."""

    subject: str
    """One line."""
    paragraphs: tuple[str, ...]

    @property
    def html(self) -> Markup:
        """The paragraphs, escaped."""
        lines = (escape(paragraph).replace("\n", Markup("<br>\n")) for paragraph in self.paragraphs)
        return Markup("\n").join(Markup("<p>{}</p>").format(told) for told in lines)


def missing_texts(template: Template) -> list[str]:
    """The names of the files that this template needs and that are not there."""
    names = (f"{template.value}.{kind}.j2" for kind in ("txt", "html"))
    present = set(ENVIRONMENT.list_templates())
    return [name for name in names if name not in present]


def render(
    template: Template,
    facts: AnyFacts,
    words: Words,
    own: OwnWords | None = None,
    look: Look = OURS,
) -> Rendered:
    """The message of a template. `own` stands for its subject and for its block `wording`; everything around it stays.
    Raises jinja2.UndefinedError if the template uses a fact that is not given."""
    values = vars(facts) | {"words": words, "own": "\n\n".join(own.paragraphs) if own else "", "look": look}
    plain = ENVIRONMENT.get_template(f"{template.value}.txt.j2")
    subject = one_line(own.subject if own else block_of(template, "subject", values))
    in_html = {"subject": subject, "own": own.html if own else ""}
    return Rendered(
        subject=subject,
        text=EMPTY_LINES.sub("\n\n", plain.render(values)).strip() + "\n",
        html=ENVIRONMENT.get_template(f"{template.value}.html.j2").render(values | in_html),
    )


def has_wording(template: Template) -> bool:
    """Whether the template has a block of sentences that may be replaced."""
    return "wording" in ENVIRONMENT.get_template(f"{template.value}.txt.j2").blocks


def block_of(template: Template, name: str, values: Mapping[str, Any]) -> str:
    """One block of the plain text."""
    plain = ENVIRONMENT.get_template(f"{template.value}.txt.j2")
    return EMPTY_LINES.sub("\n\n", "".join(plain.blocks[name](plain.new_context(dict(values))))).strip()


def one_line(text: str) -> str:
    """The text without control characters and line ends, so that it is safe in a header or a line. Spaces at which no
    line may break stay, as before a French colon."""
    return " ".join(filter(None, CONTROL.sub(" ", text).split(" ")))
