"""Reading an HR export. Every row becomes the `Draft` of a person, and everything that is wrong in it a `Problem`.

This module looks at one row at a time. `plan.py` then compares the rows with each other and with the directory. The
rows of people who have left are not checked, but they are kept, because a reporting line may lead through them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from services.intake.importing.cells import (
    BadCell,
    DateOrder,
    clean,
    order_of_dates,
    parse_date,
    parse_email,
    parse_id,
    parse_language,
    parse_level,
    parse_time_zone,
    plain,
)
from services.intake.importing.column_map import ColumnMap
from services.intake.importing.columns import MANAGER_FIELDS, Layout, find_columns
from services.intake.importing.csv_file import Row, read_table
from services.intake.importing.names import PersonName, join_name, parse_name
from services.intake.importing.problems import Problem
from services.intake.vocabulary import LEFT, LEFT_CODES, NO, NOBODY

Value = TypeVar("Value")

MAX_LENGTH = {"external_id": 100, "job_title": 200, "department": 200, "location": 200}
MAX_NAME = 200
NAMELESS = PersonName("", "", "")


@dataclass(slots=True)
class Draft:
    """One row. None means that the file says nothing, so that a person keeps what the directory has."""

    line: int
    leaver: bool = False
    external_id: str | None = None
    email: str | None = None
    name: PersonName = NAMELESS
    job_title: str | None = None
    department: str | None = None
    location: str | None = None
    time_zone: str | None = None
    language: str | None = None
    level: int | None = None
    hired_on: date | None = None
    managers: dict[str, str] = field(default_factory=dict)
    """The cells of the manager that say something, by our field."""
    rejected: bool = False
    """Whether a problem was found, so that the row cannot be imported."""


@dataclass(slots=True)
class ParsedFile:
    drafts: list[Draft]
    problems: list[Problem]
    layout: Layout
    column_map: ColumnMap
    gives_levels: bool
    """Whether the export contains levels. If not, they are derived from the reporting line."""

    @property
    def names_managers(self) -> bool:
        """Whether the export has a column for managers."""
        return not self.layout.keys().isdisjoint(MANAGER_FIELDS)

    def header(self, name: str) -> str:
        """The header of the column for one of our fields, which a problem names."""
        return self.layout[name].header if name in self.layout else name

    def reject(self, draft: Draft, name: str, reason: str) -> None:
        draft.rejected = True
        self.problems.append(Problem(line=draft.line, column=self.header(name), reason=reason))


def parse_people(data: bytes, column_map: ColumnMap, today: date) -> ParsedFile:
    """Reads the whole file. What is wrong in single rows is in `problems`. Raises ImportInvalid when the whole file
    cannot be used."""
    table = read_table(data, encoding=column_map.formats.encoding, delimiter=column_map.formats.delimiter)
    layout = find_columns(table.header.cells, column_map, table.header.line)
    reader = _RowReader(layout, column_map, table.rows, len(table.header.cells), today)
    parsed = ParsedFile([], [], layout, column_map, reader.gives_levels)
    for row in table.rows:
        parsed.drafts.append(reader.read(row, parsed))
    return parsed


class _RowReader:
    def __init__(self, layout: Layout, column_map: ColumnMap, rows: list[Row], width: int, today: date) -> None:
        self._layout, self._map, self._width, self._today = layout, column_map, width, today
        self._dates = column_map.formats.dates
        if self._dates is DateOrder.AUTO:
            names = [name for name in ("hired_on", "terminated_on") if name in layout]
            self._dates = order_of_dates(self._cell(row, name) for row in rows for name in names)
        self._nobody = NOBODY | {clean(word).casefold() for word in column_map.managers.none}
        self._is_leaver_status = _leaver_test(layout, column_map)
        self.gives_levels = any(self._cell(row, "level") for row in rows)

    def read(self, row: Row, parsed: ParsedFile) -> Draft:
        draft = Draft(row.line)
        draft.managers = {
            name: parse_id(cell)
            for name in MANAGER_FIELDS
            if (cell := self._cell(row, name)) and cell.casefold() not in self._nobody
        }
        draft.external_id = parse_id(self._cell(row, "external_id")) or None
        draft.name = self._name(row)
        if any(cell.strip() for cell in row.cells[self._width :]):
            parsed.reject(draft, "", "This row has more cells than the header; a cell with a delimiter needs quotes.")
            return draft

        def take(name: str, parse: Callable[[str], Value]) -> Value | None:
            if not (cell := self._cell(row, name)):
                return None
            try:
                return parse(cell)
            except BadCell as error:
                parsed.reject(draft, name, f"This cell {error}.")
                return None

        draft.leaver = self._has_left(row, take)
        if draft.leaver:
            draft.email = _or_none(parse_email, self._cell(row, "email"))
            return draft
        draft.email = take("email", parse_email)
        draft.hired_on = take("hired_on", lambda cell: parse_date(cell, self._dates, self._today))
        draft.level = take("level", parse_level)
        self._read_place(row, draft, take)
        for name in ("job_title", "department"):
            if name in self._layout:
                setattr(draft, name, self._cell(row, name))
        self._check(row, draft, parsed)
        return draft

    def _cell(self, row: Row, name: str) -> str:
        column = self._layout.get(name)
        return clean(row.cells[column.position]) if column is not None and column.position < len(row.cells) else ""

    def _name(self, row: Row) -> PersonName:
        whole = self._cell(row, "name")
        given, family = self._cell(row, "given_name"), self._cell(row, "family_name")
        if {"given_name", "family_name"} <= self._layout.keys() and (given or family):
            return join_name(given, family)
        return parse_name(whole, self._map.formats.names)

    def _has_left(self, row: Row, take: Callable[[str, Callable[[str], date]], date | None]) -> bool:
        if self._is_leaver_status(self._cell(row, "status")):
            return True
        left_on = take("terminated_on", lambda cell: parse_date(cell, self._dates, self._today))
        return left_on is not None and left_on < self._today

    def _read_place(self, row: Row, draft: Draft, take: Callable[[str, Callable[[str], str]], str | None]) -> None:
        zones, languages, defaults = self._map.time_zones, self._map.languages, self._map.defaults
        if "location" in self._layout:
            draft.location = self._cell(row, "location")
        draft.time_zone = (
            take("time_zone", lambda cell: parse_time_zone(cell, zones))
            or zones.get((draft.location or "").casefold())
            or defaults.time_zone
        )
        draft.language = take("language", lambda cell: parse_language(cell, languages)) or defaults.language

    def _check(self, row: Row, draft: Draft, parsed: ParsedFile) -> None:
        name_field = "name" if "name" in self._layout else "family_name"
        if not draft.name.name:
            parsed.reject(draft, name_field, "The name is missing.")
        elif len(draft.name.name) > MAX_NAME:
            parsed.reject(draft, name_field, f"The name is longer than {MAX_NAME} characters.")
        if not self._cell(row, "email") and self._map.defaults.email_domain is None:
            parsed.reject(draft, "email", "The e-mail address is missing.")
        if parsed.gives_levels and not self._cell(row, "level"):
            parsed.reject(draft, "level", "The level is missing; give every row one, or no row.")
        for name, longest in MAX_LENGTH.items():
            if len(self._cell(row, name)) > longest:
                parsed.reject(draft, name, f"This cell is longer than {longest} characters.")


def _leaver_test(layout: Layout, column_map: ColumnMap) -> Callable[[str], bool]:
    if column_map.status.leavers is not None:
        named = {clean(word).casefold() for word in column_map.status.leavers}
        return lambda cell: cell.casefold() in named
    says_active = "status" in layout and layout["status"].header.casefold().replace(" ", "") in ("active", "isactive")

    def has_left(cell: str) -> bool:
        status = plain(cell)
        if says_active and status in NO:
            return True
        return status in LEFT_CODES or not LEFT.isdisjoint(status.replace("-", " ").split())

    return has_left


def _or_none(parse: Callable[[str], str], cell: str) -> str | None:
    try:
        return parse(cell) if cell else None
    except BadCell:
        return None
