"""What the pages of wordings show. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.console.admin.wording.resources import Line
from services.console.forms.errors import FieldError
from services.console.words.messages import GROUPS, PAGE_TEXTS, PAGES, TEMPLATES
from shared.contracts.notifications import PageText, Template
from shared.language.words import Words, translatable

LIST = "/console/messages/wording"
MOST = {"subject": 200, "body": 4000}
"""Characters, as the API takes them."""
SOURCES = {
    "program": translatable("Words of this program"),
    "organization": translatable("Words for all programs"),
    "upward": translatable("Words of Upward"),
}
LONE_BRACE = translatable("A brace may only stand around the name of a placeholder, such as {program}.")
OTHERWISE = {
    "subject": translatable("Write a subject of one line, with at most 200 characters."),
    "body": translatable("Write a text of at most 4,000 characters."),
}


class Place(NamedTuple):
    """Which words are meant."""

    template: Template | PageText
    language: str
    program_id: UUID | None

    @property
    def api_path(self) -> str:
        return f"/wordings/{self.template.value}/{self.language}{_of(self.program_id, 'program_id')}"

    @property
    def address(self) -> str:
        return f"{LIST}/{self.template.value}/{self.language}{_of(self.program_id, 'program')}"

    @property
    def reset_address(self) -> str:
        return f"{LIST}/{self.template.value}/{self.language}/reset{_of(self.program_id, 'program')}"

    def in_language(self, language: str) -> "Place":
        return self._replace(language=language)


class Badge(NamedTuple):
    language: str
    label: str
    address: str
    of_program: bool


class Row(NamedTuple):
    title: str
    """Translated where it is shown."""
    address: str
    badges: tuple[Badge, ...]


class Group(NamedTuple):
    title: str
    """Translated where it is shown."""
    rows: tuple[Row, ...]


def title_of(template: Template | PageText) -> str:
    """Translated where it is shown."""
    return PAGE_TEXTS[template] if isinstance(template, PageText) else TEMPLATES[template]


def list_address(program_id: UUID | None) -> str:
    return f"{LIST}{_of(program_id, 'program')}"


def groups_of(lines: Iterable[Line], program_id: UUID | None, words: Words) -> tuple[Group, ...]:
    """The texts of pages, and the messages whose words can be changed by who reads them. Each leads to the reader's own
    language, and the badges to the languages that have other words than ours."""
    known: dict[Template | PageText, Line] = {line.template: line for line in lines}
    listed: dict[str, Sequence[Template | PageText]] = {PAGES: tuple(PageText), **GROUPS}
    found = (
        Group(title, tuple(_row(known[one], program_id, words) for one in templates if one in known))
        for title, templates in listed.items()
    )
    return tuple(group for group in found if group.rows)


def errors_of(named: Iterable[Mapping[str, Any]], words: Words) -> tuple[FieldError, ...]:
    """What the API refused, beside its field and in the language of the reader."""
    return tuple(dict.fromkeys(_errors(named, words)))


def _errors(named: Iterable[Mapping[str, Any]], words: Words) -> Iterator[FieldError]:
    for one in named:
        field = str(one.get("field", "")).rpartition(".")[2]
        if one.get("code") == "unknown_placeholder":
            name = str(one.get("placeholder", ""))
            yield FieldError(field, words.gettext("{%(name)s} is no placeholder here.", name=name))
        elif one.get("code") == "lone_brace":
            yield FieldError(field, LONE_BRACE)
        else:
            yield FieldError(field if field in OTHERWISE else "", OTHERWISE.get(field, OTHERWISE["body"]))


def _row(line: Line, program_id: UUID | None, words: Words) -> Row:
    place = Place(line.template, words.language, program_id)
    by_language = {one.language: one for one in line.changed}  # a program's words stand last, and win
    badges = (
        Badge(code, words.language_name(code), place.in_language(code).address, one.source == "program")
        for code, one in sorted(by_language.items())
    )
    return Row(title_of(line.template), place.address, tuple(badges))


def _of(program_id: UUID | None, name: str) -> str:
    return f"?{name}={program_id}" if program_id is not None else ""
