"""What the list of messages shows: to whom, what and when, and what became of each. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from pydantic import AwareDatetime

from services.console.words.messages import DROPS, FAILURES, REFUSED, SORTS, STATES, TEMPLATES, WAITING
from shared.contracts.base import Contract
from shared.contracts.notifications import Template
from shared.language.words import Words

LIST = "/console/messages"
MOST_OCCURRENCES = 1000
"""Where an event causes a message, its occurrence is a large number and counts nothing."""
REPEATED = ("_reminder",)
AT_ITS_TIME = ("sending_hours", "next_attempt")
"""What a message waits for that is due at a known time."""


class Message(Contract):
    """What is read of a message. A code that this version does not know is shown as it is."""

    id: UUID
    cycle_id: UUID | None
    person_id: UUID
    template: str
    occurrence: int
    state: str
    due_at: AwareDatetime
    sent_at: AwareDatetime | None
    code: str | None
    waiting_for: str | None = None


class MessagesPage(Contract):
    items: tuple[Message, ...]
    next: str | None = None
    total: int | None = None


class CycleName(Contract):
    id: UUID
    program_name: str
    period: str
    time_zone: str = "UTC"


class CycleNames(Contract):
    items: tuple[CycleName, ...] = ()


class Wanted(NamedTuple):
    """What somebody looks for. Empty stands for anything."""

    q: str = ""
    state: str = ""
    template: str = ""
    cycle_id: str = ""
    person_id: str = ""
    sort: str = "-due_at"
    cursor: str = ""

    @property
    def params(self) -> dict[str, str]:
        """The query of the API."""
        return {name: value for name, value in self._asdict().items() if value}

    @property
    def filtered(self) -> bool:
        return any((self.q, self.state, self.template, self.cycle_id, self.person_id))

    def address(self, cursor: str = "", path: str = LIST, done: str = "") -> str:
        """The page of the list behind this cursor. `done` says what was done on the page before."""
        params = {name: value for name, value in self._replace(cursor=cursor).params.items() if value != "-due_at"}
        params |= {"done": done} if done else {}
        return f"{path}?{urlencode(params)}" if params else path


class Line(NamedTuple):
    """One message, in words."""

    message: Message
    name: str
    """Of its reader. Empty if the directory does not know them."""
    what: str
    cycle: CycleName | None
    state: str
    why: str
    """Why it waits, failed or was not sent, and what to do about it. Empty if it was sent."""
    at: datetime
    zone: str
    planned: bool
    """Whether it is to be sent at that time."""

    @property
    def again(self) -> bool:
        """Whether it can be sent again."""
        return self.message.state == "failed"


class Messages(NamedTuple):
    wanted: Wanted
    lines: tuple[Line, ...]
    total: int | None
    after: str
    cycles: tuple[CycleName, ...]
    """Those of which somebody may choose one."""
    reader: str
    """The name of the person whose messages alone are shown."""
    zone: str | None
    """The time zone of all times on the page; None if there are several."""

    @property
    def next(self) -> str:
        """The address of the next page, or nothing on the last one."""
        return self.wanted.address(self.after) if self.after else ""

    @property
    def all_again(self) -> bool:
        """Whether all messages of the cycle that failed can be sent again together."""
        return bool(self.wanted.cycle_id) and any(line.again for line in self.lines)

    @property
    def table(self) -> str:
        return self.wanted.address(path=f"{LIST}.csv")


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """What the address of the page asks for. What the API would not understand counts as nothing."""
    state, template, sort = query.get("state", ""), query.get("template", ""), query.get("sort", "")
    return Wanted(
        q=query.get("q", "").replace("\x00", "").strip()[:100],
        state=state if state in STATES else "",
        template=template if template in set(Template) else "",
        cycle_id=id_of(query.get("cycle_id", "")),
        person_id=id_of(query.get("person_id", "")),
        sort=sort if sort in SORTS else "-due_at",
        cursor=query.get("cursor", ""),
    )


def messages_of(
    wanted: Wanted,
    page: MessagesPage,
    names: Mapping[UUID, str],
    cycles: CycleNames,
    words: Words,
) -> Messages:
    """`names` are those of people."""
    known = {cycle.id: cycle for cycle in cycles.items}
    lines = tuple(line_of(message, names, known, words) for message in page.items)
    zones = {line.zone for line in lines}
    return Messages(
        wanted=wanted,
        lines=lines,
        total=page.total,
        after=page.next or "",
        cycles=cycles.items,
        reader=names.get(UUID(wanted.person_id), "") if wanted.person_id else "",
        zone=next(iter(zones)) if len(zones) == 1 else None,
    )


def line_of(
    message: Message,
    names: Mapping[UUID, str],
    cycles: Mapping[UUID, CycleName],
    words: Words,
) -> Line:
    cycle = cycles.get(message.cycle_id) if message.cycle_id else None
    return Line(
        message=message,
        name=names.get(message.person_id, ""),
        what=_what(message, words),
        cycle=cycle,
        state=words.gettext(STATES[message.state]) if message.state in STATES else message.state,
        why=_why(message, words),
        at=message.sent_at or message.due_at,
        zone=cycle.time_zone if cycle else "UTC",
        planned=message.state == "waiting" and message.waiting_for in AT_ITS_TIME,
    )


def _what(message: Message, words: Words) -> str:
    title = words.gettext(TEMPLATES[message.template]) if message.template in TEMPLATES else message.template
    repeated = message.template.endswith(REPEATED) and 1 < message.occurrence < MOST_OCCURRENCES
    return f"{title} ({words.number(message.occurrence)})" if repeated else title


def _why(message: Message, words: Words) -> str:
    code = message.code or ""
    if message.state == "waiting":
        return words.gettext(WAITING[message.waiting_for]) if message.waiting_for in WAITING else ""
    if message.state == "dropped":
        return words.gettext(DROPS[code]) if code in DROPS else code
    if message.state != "failed":
        return ""
    if code in FAILURES:
        return words.gettext(FAILURES[code])
    return words.gettext(REFUSED, code=code.removeprefix("smtp_"))


def id_of(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""
