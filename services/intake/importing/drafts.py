"""Reading an HR export. Every row becomes the `Draft` of a person, and everything that is wrong in it a `Problem`.

This module looks at one row at a time. `plan.py` then compares the rows with each other and with the directory. The
rows of people who have left are not checked, but they are kept, because a reporting line may lead through them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TypeVar
from uuid import UUID

from services.intake.importing.cells import (
    LONGEST_CELL,
    BadCell,
    DateOrder,
    clean,
    is_blank,
    is_error,
    is_no_date,
    is_shortened,
    order_of_dates,
    parse_date,
    parse_email,
    parse_id,
    parse_language,
    parse_level,
    parse_time_zone,
    plain,
    serial_date,
    unmark,
)
from services.intake.importing.column_map import ColumnMap
from services.intake.importing.columns import MANAGER_FIELDS, Layout, find_columns, is_header, overlooked
from services.intake.importing.csv_file import Row, read_table
from services.intake.importing.names import PersonName, join_name, parse_name
from services.intake.importing.problems import Problem, Remarks
from services.intake.importing.status import (
    Standing,
    is_yes_or_no,
    standing_of,
    standing_of_flag,
    standing_of_leaving_flag,
    unclear_codes,
)
from services.intake.person import Availability
from services.intake.vocabulary import LEFT_CODES, NOBODY, TOTALS
from shared.contracts.imports import ProblemCode

Value = TypeVar("Value")
Take = Callable[[str, Callable[[str], Value]], Value | None]

MAX_LENGTH = {"external_id": 100, "job_title": 200, "department": 200, "location": 200}
MAX_NAME = 200
NAMELESS = PersonName("", "", "")
KEPT = frozenset({"na"})
"""Marks for nothing that can be a place or a department too."""
YEARS = range(1920, 2201)
"""A date outside of these years stands for no date, as 1900-01-01 and 9999-12-31 do."""
FOOTER = 5
"""At most so many lines below the table are not rows."""


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
    availability: Availability | None = None
    available_from: date | None = None
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
    header_line: int = 1
    remarks: Remarks = field(default_factory=Remarks)
    """What the admin should know about rows that can be imported."""

    @property
    def names_managers(self) -> bool:
        """Whether the export has a column for managers."""
        return not self.layout.keys().isdisjoint(MANAGER_FIELDS)

    def header(self, name: str) -> str:
        """The header of the column for one of our fields, which a problem names."""
        return self.layout[name].header if name in self.layout else name

    def reject(
        self, draft: Draft, name: str, code: ProblemCode, persons: tuple[UUID, ...] = (), **arguments: int | str
    ) -> None:
        draft.rejected = True
        self.problems.append(Problem.of(draft.line, self.header(name), code, persons, **arguments))


def parse_people(data: bytes, column_map: ColumnMap, today: date) -> ParsedFile:
    """Reads the whole file. What is wrong in single rows is in `problems`. Raises ImportInvalid when the whole file
    cannot be used."""
    formats = column_map.formats
    table = read_table(
        data,
        encoding=formats.encoding,
        delimiter=formats.delimiter,
        sheet=column_map.table.sheet,
        header_line=column_map.table.header_line,
        is_header=partial(is_header, column_map=column_map),
    )
    layout = find_columns(table.header.cells, column_map, table.header.line)
    parsed = ParsedFile([], [], layout, column_map, False, table.header.line)
    rows = _rows_of_people(table.header, table.rows, parsed)
    for name in overlooked(table.header.cells, [row.cells for row in rows], layout):
        parsed.remarks.add(table.header.line, name, ProblemCode.COLUMN_OVERLOOKED)
    reader = _RowReader(layout, column_map, rows, len(table.header.cells), today)
    parsed.gives_levels = reader.gives_levels
    for row in rows:
        parsed.drafts.append(reader.read(row, parsed))
    return parsed


def _rows_of_people(header: Row, rows: list[Row], parsed: ParsedFile) -> list[Row]:
    """The rows without repeated headers, and without lines below the table that sum it up or say where it is from."""
    kept = [row for row in rows if row.cells != header.cells]
    for row in rows if len(kept) < len(rows) else ():
        if row.cells == header.cells:
            parsed.remarks.add(row.line, "", ProblemCode.HEADER_REPEATED)
    for _ in range(FOOTER):
        if len(kept) < 2 or not _is_footer(kept[-1], header, parsed.layout):
            break
        parsed.remarks.add(kept[-1].line, "", ProblemCode.FOOTER)
        kept.pop()
    return kept


def _is_footer(row: Row, header: Row, layout: Layout) -> bool:
    filled = {position: cell for position, cell in enumerate(map(clean, row.cells)) if cell}
    email = layout.get("email")
    if (email is not None and email.position in filled) or len(filled) > 3 or len(header.cells) < 2:
        return False
    first = next(iter(filled))
    word = plain(filled[first][:LONGEST_CELL]).replace(":", " ").partition(" ")[0]
    names = {layout[name].position for name in ("name", "given_name", "family_name") if name in layout}
    return word in TOTALS or (
        len(filled) == 1 and len(header.cells) > 2 and first not in names and " " in filled[first]
    )


class _RowReader:
    def __init__(self, layout: Layout, column_map: ColumnMap, rows: list[Row], width: int, today: date) -> None:
        self._layout, self._map, self._width, self._today = layout, column_map, width, today
        self._dates = column_map.formats.dates
        if self._dates is DateOrder.AUTO:
            names = [name for name in ("hired_on", "terminated_on", "available_from") if name in layout]
            self._dates = order_of_dates(self._cell(row, name) for row in rows for name in names)
        self._nobody = NOBODY | {clean(word).casefold() for word in column_map.managers.none}
        self._standing_of_status = status_test(column_map, (self._cell(row, "status") for row in rows))
        self.gives_levels = any(not is_blank(self._cell(row, "level")) for row in rows)

    def read(self, row: Row, parsed: ParsedFile) -> Draft:
        draft = Draft(row.line)
        if any(column.position < len(row.cells) and len(row.cells[column.position]) > LONGEST_CELL
               for column in self._layout.values()):  # fmt: skip
            parsed.reject(draft, "", ProblemCode.ROW_TOO_LONG, most=LONGEST_CELL)
            return draft
        draft.managers = {
            name: parse_id(cell)
            for name in MANAGER_FIELDS
            if (cell := self._cell(row, name)) and cell.casefold() not in self._nobody
        }
        given_id = self._cell(row, "external_id")
        draft.external_id = None if is_blank(given_id) else parse_id(given_id) or None
        draft.name = self._name(row)
        if any(cell.strip() for cell in row.cells[self._width :]):
            parsed.reject(draft, "", ProblemCode.SURPLUS_CELLS)
            return draft
        self._note_errors(row, parsed)

        def take(name: str, parse: Callable[[str], Value]) -> Value | None:
            cell = self._cell(row, name)
            if is_blank(cell):
                return None
            try:
                return parse(cell)
            except BadCell as error:
                parsed.reject(draft, name, error.code)
                return None

        standing = self._standing(row, draft, parsed)
        draft.leaver = standing is Standing.LEFT
        if draft.leaver:
            draft.email = _or_none(parse_email, self._cell(row, "email"))
            return draft
        if self._ended(row, draft, standing, parsed):
            draft.leaver = True
            draft.email = _or_none(parse_email, self._cell(row, "email"))
            return draft
        draft.hired_on = self._date(row, "hired_on", draft, parsed)
        self._set_availability(row, draft, standing, parsed)
        draft.email = take("email", parse_email)
        draft.level = take("level", parse_level)
        self._read_place(row, draft, take)
        for name in ("job_title", "department"):
            if name in self._layout:
                setattr(draft, name, self._text(row, name))
        self._check(row, draft, parsed)
        return draft

    def _cell(self, row: Row, name: str) -> str:
        """The clean cell. It is empty when it holds the error of a formula."""
        cell = self._raw(row, name)
        return "" if is_error(cell) else cell

    def _raw(self, row: Row, name: str) -> str:
        column = self._layout.get(name)
        if column is None or column.position >= len(row.cells):
            return ""
        return unmark(clean(row.cells[column.position][: LONGEST_CELL + 1]))

    def _text(self, row: Row, name: str) -> str | None:
        """The text of a column. A mark for nothing is an empty text. None for an error, which says nothing at all."""
        raw = self._raw(row, name)
        if is_error(raw):
            return None
        return "" if is_blank(raw) and raw.casefold() not in KEPT else raw

    def _note_errors(self, row: Row, parsed: ParsedFile) -> None:
        for name in self._layout:
            if is_error(self._raw(row, name)):
                parsed.remarks.add(row.line, parsed.header(name), ProblemCode.FORMULA_ERROR)

    def _name(self, row: Row) -> PersonName:
        whole = self._cell(row, "name")
        given, family = self._cell(row, "given_name"), self._cell(row, "family_name")
        if {"given_name", "family_name"} <= self._layout.keys() and (given or family):
            return join_name(given, family)
        return parse_name(whole, self._map.formats.names)

    def _standing(self, row: Row, draft: Draft, parsed: ParsedFile) -> Standing | None:
        """What the status and the flags say. None if the file has no such column, or nothing in it."""
        found: list[Standing] = []
        for name, standing_in in (
            ("status", self._standing_of_status),
            ("active", standing_of_flag),
            ("inactive", standing_of_leaving_flag),
        ):
            cell = self._cell(row, name)
            if is_blank(cell):
                continue
            standing = standing_in(cell)
            if standing is None and name == "inactive" and _or_none(self._parse_date, cell) is not None:
                continue  # the date on which somebody left, which counts as such
            if standing is None:
                parsed.remarks.add(draft.line, parsed.header(name), ProblemCode.WORD_UNKNOWN, plain(cell))
            found.append(standing or Standing.ACTIVE)
        if {Standing.ACTIVE, Standing.LEFT} <= set(found):
            parsed.remarks.add(draft.line, parsed.header("status"), ProblemCode.STANDINGS_DISAGREE)
        return next(
            (standing for standing in (Standing.LEFT, Standing.AWAY, Standing.ACTIVE) if standing in found), None
        )

    def _ended(self, row: Row, draft: Draft, standing: Standing | None, parsed: ParsedFile) -> bool:
        """Whether the end of the employment has come."""
        ended_on = self._date(row, "terminated_on", draft, parsed)
        column = "terminated_on"
        if ended_on is None and _or_none(standing_of_leaving_flag, self._cell(row, "inactive")) is None:
            ended_on, column = self._date(row, "inactive", draft, parsed), "inactive"
        if ended_on is None:
            return False
        hired_on = _or_none(self._parse_date, self._cell(row, "hired_on"))
        if hired_on is not None and ended_on < hired_on:
            parsed.remarks.add(draft.line, parsed.header(column), ProblemCode.END_BEFORE_START)
            return False
        if ended_on >= self._today:
            return False
        if standing is not None:
            parsed.remarks.add(draft.line, parsed.header(column), ProblemCode.END_HAS_COME)
        return True

    def _set_availability(self, row: Row, draft: Draft, standing: Standing | None, parsed: ParsedFile) -> None:
        if standing is Standing.AWAY:
            draft.availability = Availability.ON_LEAVE
            draft.available_from = self._date(row, "available_from", draft, parsed)
        elif standing is not None or self._layout.keys() & {"status", "active", "inactive"}:
            draft.availability = Availability.AVAILABLE

    def _parse_date(self, cell: str) -> date:
        return parse_date(cell, self._dates, self._today)

    def _date(self, row: Row, name: str, draft: Draft, parsed: ParsedFile) -> date | None:
        """The date of a cell. A date that stands for none is None."""
        cell = self._cell(row, name)
        if is_no_date(cell):
            return None
        try:
            found = self._parse_date(cell)
        except BadCell as error:
            parsed.reject(draft, name, error.code)
            return None
        if serial_date(cell) is not None:
            parsed.remarks.add(draft.line, parsed.header(name), ProblemCode.SERIAL_DATE)
        if found.year not in YEARS:
            years = {"first": str(YEARS.start), "last": str(YEARS.stop - 1)}
            parsed.remarks.add(draft.line, parsed.header(name), ProblemCode.DATE_OUT_OF_YEARS, **years)
            return None
        return found

    def _read_place(self, row: Row, draft: Draft, take: Take[str]) -> None:
        zones, languages, defaults = self._map.time_zones, self._map.languages, self._map.defaults
        if "location" in self._layout:
            draft.location = self._text(row, "location")
        draft.time_zone = (
            take("time_zone", lambda cell: parse_time_zone(cell, zones))
            or zones.get((draft.location or "").casefold())
            or defaults.time_zone
        )
        draft.language = take("language", lambda cell: parse_language(cell, languages)) or defaults.language

    def _check(self, row: Row, draft: Draft, parsed: ParsedFile) -> None:
        name_field = "name" if "name" in self._layout else "family_name"
        if not draft.name.name:
            parsed.reject(draft, name_field, ProblemCode.NAME_MISSING)
        elif len(draft.name.name) > MAX_NAME:
            parsed.reject(draft, name_field, ProblemCode.NAME_TOO_LONG, most=MAX_NAME)
        if is_blank(self._cell(row, "email")) and self._map.defaults.email_domain is None:
            parsed.reject(draft, "email", ProblemCode.ADDRESS_MISSING)
        if parsed.gives_levels and is_blank(self._cell(row, "level")):
            parsed.reject(draft, "level", ProblemCode.LEVEL_MISSING)
        for name, longest in MAX_LENGTH.items():
            if len(self._cell(row, name)) > longest:
                parsed.reject(draft, name, ProblemCode.CELL_TOO_LONG, most=longest)
        for name in ("external_id", *MANAGER_FIELDS):
            if is_shortened(self._cell(row, name)):
                parsed.reject(draft, name, ProblemCode.NUMBER_SHORTENED)


def status_test(column_map: ColumnMap, cells: Iterable[str]) -> Callable[[str], Standing | None]:
    """What a cell of the status column says, by the words of the mapping and the usual ones. `cells` are all of it."""
    own = {
        clean(word).casefold(): standing
        for standing, words in (
            (Standing.ACTIVE, column_map.status.active),
            (Standing.AWAY, column_map.status.away),
            (Standing.LEFT, (*column_map.status.left, *(column_map.status.leavers or ()))),
        )
        for word in words
    }
    given = {cell for cell in cells if not is_blank(cell)}
    only_flags = all(is_yes_or_no(cell) and plain(cell) not in LEFT_CODES for cell in given)
    unclear = unclear_codes(given, only_flags=only_flags)

    def standing_in(cell: str) -> Standing | None:
        if (said := own.get(cell.casefold())) is not None:
            return said
        if plain(cell) in unclear:
            return None
        usual = standing_of_flag(cell) if only_flags else standing_of(cell)
        if column_map.status.leavers is not None:  # the mapping names all words for having left
            return Standing.AWAY if usual is Standing.AWAY else Standing.ACTIVE
        return usual

    return standing_in


def _or_none(parse: Callable[[str], Value], cell: str) -> Value | None:
    try:
        return parse(cell) if cell else None
    except BadCell:
        return None
