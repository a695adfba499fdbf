"""What an uploaded file holds: its columns with examples, and which of our fields each of them seems to be. Pure."""

from collections import Counter
from functools import partial
from itertools import islice
from typing import Literal

from services.intake.formats.workbook import SIGNATURE, sheet_names
from services.intake.formats.workbook_claims import WorkbookRefused
from services.intake.importing.cells import LONGEST_CELL, clean, is_blank, is_error, unmark
from services.intake.importing.column_map import ColumnMap, Columns
from services.intake.importing.columns import Column, is_header, recognised
from services.intake.importing.csv_file import Row, read_table
from services.intake.importing.drafts import status_test
from services.intake.importing.problems import ImportInvalid
from services.intake.importing.status import Standing
from shared.contracts.base import Contract

EXAMPLES = 3
LONGEST_EXAMPLE = 60
MOST_SHOWN = 200
MOST_FIRST_LINES, MOST_FIRST_CELLS = 10, 6
MOST_SHEETS = 100
MOST_WORDS = 30
MOST_SHEETS_TRIED = 5
SEARCHED = 2_000
"""So many rows are searched for examples."""
FIELDS = (*Columns.model_fields, "status")
"""Our fields that a column can hold."""


class FileColumn(Contract):
    header: str
    field: str | None
    """Our field that the column holds: as the mapping says, or else as its header is known."""
    how: Literal["mapped", "recognised", "unused"]
    examples: tuple[str, ...]
    """The first cells that are not empty."""


class FirstLine(Contract):
    line: int
    cells: tuple[str, ...]
    """The first six cells that are not empty."""


class StatusWord(Contract):
    """A word of the column that says who works here."""

    word: str
    rows: int
    standing: Standing | None
    """What it counts as. Null if it is not known; such people count as working here."""


class FileLook(Contract):
    """What the file holds, as far as it can be told before its rows are read."""

    header_line: int
    rows: int
    columns: tuple[FileColumn, ...]
    """The first 200."""
    first_lines: tuple[FirstLine, ...] = ()
    """The first ten lines that are not empty, to choose the one that names the columns."""
    sheets: tuple[str, ...] = ()
    """The sheets of a workbook, the first 100."""
    sheet: str | None = None
    """The sheet that was read."""
    status_words: tuple[StatusWord, ...] = ()
    """The most frequent 30 words of the status column, if it is known."""


def first_map(data: bytes, column_map: ColumnMap, remembered: ColumnMap | None) -> ColumnMap:
    """The mapping with which a file is shown first: the one that was sent, or else the one of the last import as far as
    this file has its columns. If the first sheet of a workbook names no people, another sheet that does is named.

    Raises ImportInvalid if the file cannot be read."""
    if remembered is None or column_map != ColumnMap():
        return _with_a_table(data, column_map)[0]
    if remembered.table.sheet is not None and remembered.table.sheet in _names(data):
        column_map = _of_sheet(column_map, remembered.table.sheet)
    look, _ = _try(data, column_map)
    if look is not None:
        fits = _fitting(remembered, look, column_map)
        again, _ = _try(data, fits)
        if again is not None and _names_people(again):
            return fits
    column_map, look = _with_a_table(data, column_map)
    return _fitting(remembered, look, column_map)


def _with_a_table(data: bytes, column_map: ColumnMap) -> tuple[ColumnMap, FileLook]:
    look, refusal = _try(data, column_map)
    if column_map.table.sheet is None and (look is None or not _names_people(look)):
        names = _names(data) if look is None else look.sheets
        for name in names[1:MOST_SHEETS_TRIED]:
            other, _ = _try(data, _of_sheet(column_map, name))
            if other is not None and (look is None or _names_people(other)):
                look, column_map = other, _of_sheet(column_map, name)
                break
    if look is None:
        assert refusal is not None, "a file without a look was refused"
        raise refusal
    return column_map, look


def _fitting(remembered: ColumnMap, look: FileLook, column_map: ColumnMap) -> ColumnMap:
    headers = frozenset(column.header for column in look.columns)
    return fitting(remembered, headers).model_copy(update={"table": column_map.table})


def _of_sheet(column_map: ColumnMap, sheet: str) -> ColumnMap:
    return column_map.model_copy(update={"table": column_map.table.model_copy(update={"sheet": sheet})})


def _try(data: bytes, column_map: ColumnMap) -> tuple[FileLook | None, ImportInvalid | None]:
    try:
        return look_at(data, column_map), None
    except ImportInvalid as refusal:
        return None, refusal


def _names(data: bytes) -> list[str]:
    try:
        return sheet_names(data) if data.startswith(SIGNATURE) else []
    except WorkbookRefused:
        return []


def _names_people(look: FileLook) -> bool:
    fields = {column.field for column in look.columns}
    return "name" in fields or {"given_name", "family_name"} <= fields


def look_at(data: bytes, column_map: ColumnMap) -> FileLook:
    """Raises ImportInvalid if the file cannot be read at all."""
    formats, table = column_map.formats, column_map.table
    found = read_table(
        data,
        encoding=formats.encoding,
        delimiter=formats.delimiter,
        sheet=table.sheet,
        header_line=table.header_line,
        is_header=partial(is_header, column_map=column_map),
    )
    header = [clean(cell) for cell in found.header.cells]
    layout = {column.position: (field, column) for field, column in recognised(found.header.cells, column_map).items()}
    columns = []
    for position, name in enumerate(header[:MOST_SHOWN]):
        rows = islice(found.rows, SEARCHED)
        cells = (clean(row.cells[position][:LONGEST_EXAMPLE]) for row in rows if position < len(row.cells))
        examples = islice((cell for cell in cells if cell), EXAMPLES)
        field, column = layout.get(position, (None, None))
        how: Literal["mapped", "recognised", "unused"] = "unused"
        if column is not None:
            how = "mapped" if column.mapped else "recognised"
        columns.append(FileColumn(header=name, field=field, how=how, examples=tuple(examples)))
    first_lines = tuple(_first_line(row) for row in found.top[:MOST_FIRST_LINES])
    sheets = tuple(found.sheets[:MOST_SHEETS])
    return FileLook(
        header_line=found.header.line,
        rows=len(found.rows),
        columns=tuple(columns),
        first_lines=first_lines,
        sheets=sheets,
        sheet=table.sheet or (sheets[0] if sheets else None),
        status_words=_status_words(found.rows, layout, column_map),
    )


def _status_words(
    rows: list[Row], layout: dict[int, tuple[str, Column]], column_map: ColumnMap
) -> tuple[StatusWord, ...]:
    position = next((position for position, (field, _) in layout.items() if field == "status"), None)
    if position is None:
        return ()
    cells = (unmark(clean(row.cells[position][:LONGEST_CELL])) for row in rows if position < len(row.cells))
    counted = Counter(cell for cell in cells if not is_blank(cell) and not is_error(cell))
    standing_in = status_test(column_map, counted)
    words = counted.most_common(MOST_WORDS)
    return tuple(StatusWord(word=word, rows=count, standing=standing_in(word)) for word, count in words)


def _first_line(row: Row) -> FirstLine:
    cells = (clean(cell[:LONGEST_EXAMPLE]) for cell in row.cells)
    return FirstLine(line=row.line, cells=tuple(islice((cell for cell in cells if cell), MOST_FIRST_CELLS)))


def fitting(column_map: ColumnMap, headers: frozenset[str]) -> ColumnMap:
    """The mapping of an earlier file as far as this one has its columns. Answers about single rows are left out, and
    so is where the header stood."""
    columns = {
        name: header
        for name, header in column_map.columns.model_dump(exclude_none=True).items()
        if not header or header in headers
    }
    kept = column_map.model_dump(exclude={"columns", "identity", "table"})
    if kept["status"]["column"] and kept["status"]["column"] not in headers:
        kept["status"] |= {"column": None}
    return ColumnMap.model_validate({**kept, "columns": columns})
