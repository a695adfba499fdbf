"""Reading the CSV files that HR systems and spreadsheets write: their encoding, delimiter and quoting.

The encoding is UTF-8 with or without a byte-order mark, UTF-16 with one, or else Windows-1252. The delimiter is that of
comma, semicolon, tab and vertical bar which splits the header into most cells, or the one that Excel's line `sep=;`
names. Every row has the number of the physical line on which it starts, also when quoted cells contain line breaks.
Lines above the header are skipped where it is clear which line is the header. A workbook (XLSX) is read as if its sheet
had been saved as CSV.
"""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from services.intake.formats.workbook import OLD_SIGNATURE, SIGNATURE, read_sheet
from services.intake.formats.workbook_claims import WorkbookRefused
from services.intake.importing.problems import ImportInvalid, unusable
from shared.contracts.imports import ProblemCode

if TYPE_CHECKING:
    from _csv import Reader

MAX_ROWS = 100_000
MAX_LINES = 1_000_000
"""The most physical lines, also empty ones and those within quoted cells."""
MAX_LINE = 500_000
"""The most characters of a physical line. The parser takes a line as a whole, and nothing else in the process runs
meanwhile, so a line that is as long as a file would hold up everybody."""
MAX_COLUMNS = 1_000
"""The most cells of a row."""
SEARCHED = 20
"""The header is one of so many first rows."""
DELIMITERS = (",", ";", "\t", "|")
UTF8_LETTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
SEPARATOR_LINE = re.compile(r"^sep=(.)\s*$", re.IGNORECASE)


class Row(NamedTuple):
    line: int
    cells: list[str]


class Table(NamedTuple):
    header: Row
    rows: list[Row]
    """The rows that are not empty. A row may have more or fewer cells than the header."""
    top: list[Row] = []
    """The first rows of the file, among which is the header if it was not named."""
    sheets: list[str] = []
    """The names of the sheets of a workbook."""


IsHeader = Callable[[list[str]], bool]


def read_table(
    data: bytes,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    header_line: int | None = None,
    is_header: IsHeader | None = None,
) -> Table:
    """The header and the rows below it.

    The header is the line `header_line`, or the first of the first rows of which `is_header` says so, or the first row.
    Raises ImportInvalid if the file cannot be read.
    """
    if data.startswith(SIGNATURE):
        names, every = _sheet_rows(data, sheet)
        rows = [row for row in every if row.line >= (header_line or 1)]
        table = _table(rows, (0 if header_line else _position(rows, is_header)) or 0, header_line)
        return table._replace(top=every[:SEARCHED], sheets=names)
    if data.startswith(OLD_SIGNATURE):
        raise unusable(1, "", ProblemCode.OLD_WORKBOOK)
    text = decode(data, encoding)
    if text.count("\n") + text.count("\r") > 2 * MAX_LINES:
        raise unusable(1, "", ProblemCode.TOO_MANY_LINES, most=MAX_LINES)
    lines = list(io.StringIO(text, newline=""))
    if (number := next((number for number, line in enumerate(lines, 1) if len(line) > MAX_LINE), None)) is not None:
        raise unusable(number, "", ProblemCode.LINE_TOO_LONG, most=MAX_LINE)
    first = 0
    if lines and (found := SEPARATOR_LINE.match(lines[0])):
        delimiter, first = delimiter or found[1], 1
    top = first
    if header_line is not None:
        first = max(first, header_line - 1)
    sniffed = _sniff(lines[first:])
    delimiters = (delimiter,) if delimiter else (sniffed, *(other for other in DELIMITERS if other != sniffed))
    for candidate in delimiters if is_header is not None and header_line is None else ():
        if (position := _position(_rows(lines, first, candidate), is_header)) is not None:
            table = _table(_rows(lines, first, candidate), position, None)
            return table._replace(top=_top(lines, top, candidate))
    table = _table(_rows(lines, first, delimiters[0]), 0, header_line)
    return table._replace(top=_top(lines, top, delimiters[0]))


def _top(lines: list[str], first: int, delimiter: str) -> list[Row]:
    """The first rows, as far as they can be read."""
    found: list[Row] = []
    with suppress(ImportInvalid):  # then `found` has the rows above
        found.extend(islice(_rows(lines, first, delimiter), SEARCHED))
    return found


def _position(rows: Iterable[Row], is_header: IsHeader | None) -> int | None:
    """How many rows stand above the header. None if no row can be recognised as the header."""
    if is_header is None:
        return None
    try:
        return next((position for position, row in enumerate(islice(rows, SEARCHED)) if is_header(row.cells)), None)
    except ImportInvalid:  # with this delimiter the quotation marks do not pair up, or a row has too many cells
        return None


def _table(rows: Iterable[Row], position: int, header_line: int | None) -> Table:
    found = islice(iter(rows), position, None)
    header = next(found, None)
    if header is None or (header_line is not None and header.line != header_line):
        code = ProblemCode.FILE_EMPTY if header_line is None else ProblemCode.HEADER_LINE_EMPTY
        raise unusable(header_line or 1, "", code)
    kept: list[Row] = []
    for row in found:
        if len(kept) == MAX_ROWS:
            raise unusable(row.line, "", ProblemCode.TOO_MANY_ROWS, most=MAX_ROWS)
        kept.append(row)
    if not kept:
        raise unusable(header.line, "", ProblemCode.ROWS_MISSING)
    return Table(header, kept)


def _sheet_rows(data: bytes, sheet: str | None) -> tuple[list[str], list[Row]]:
    try:
        found = read_sheet(data, sheet)
    except WorkbookRefused as error:
        raise unusable(1, "", error.code, **error.arguments) from None
    return found.names, [_row(line, cells) for line, cells in enumerate(found.rows, 1) if any(c.strip() for c in cells)]


def _row(line: int, cells: list[str]) -> Row:
    if len(cells) > MAX_COLUMNS:
        raise unusable(line, "", ProblemCode.TOO_MANY_COLUMNS, most=MAX_COLUMNS)
    return Row(line, cells)


def decode(data: bytes, encoding: str | None = None) -> str:
    """The text of the file. Raises ImportInvalid if it is not text in the given encoding, or in one of those above."""
    if encoding is None:
        encoding = _encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeError as error:
        raise unusable(
            data.count(b"\n", 0, getattr(error, "start", 0)) + 1,
            "",
            ProblemCode.NOT_IN_ENCODING,
            encoding=encoding,
        ) from None
    text = text.removeprefix("\ufeff")
    if (position := text.find("\0")) >= 0:
        raise unusable(text.count("\n", 0, position) + 1, "", ProblemCode.NUL_CHARACTER)
    return text


def _encoding(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        data.decode()
    except UnicodeDecodeError:
        # A file that contains correct UTF-8 letters is damaged UTF-8. As Windows-1252 its names would be wrong.
        return "utf-8" if data.startswith(codecs.BOM_UTF8) or UTF8_LETTER.search(data) else "cp1252"
    return "utf-8"


def _sniff(lines: list[str]) -> str:
    def cells(delimiter: str) -> int:
        try:
            return next((len(row) for row in _reader(lines, delimiter) if any(row)), 0)
        except csv.Error:
            return 0

    return max(DELIMITERS, key=cells)


def _reader(lines: Iterable[str], delimiter: str) -> "Reader":
    # A reader that is not strict takes the rest of the file for one cell after an unclosed quotation mark.
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)


def _rows(lines: list[str], first: int, delimiter: str) -> Iterator[Row]:
    reader = _reader(lines[first:], delimiter)
    end = first
    while True:
        start = end
        try:
            cells = next(reader, None)
            end = first + reader.line_num
        except csv.Error:
            end = first + reader.line_num
            cells = _without_stray_spaces(lines[start:end], delimiter, start + 1)
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield _row(start + 1, cells)


def _without_stray_spaces(lines: list[str], delimiter: str, line: int) -> list[str]:
    """Reads a row that the strict reader refused once more, without spaces behind quotation marks: `"Doe, Jane" ,x`."""
    text = re.sub(rf'"[ \t]+(?={re.escape(delimiter)}|[\r\n]|$)', '"', "".join(lines))
    try:
        rows: list[list[str]] = list(_reader(io.StringIO(text, newline=""), delimiter))
        [cells] = rows
    except (csv.Error, ValueError):
        raise unusable(line, "", ProblemCode.QUOTATION_MARKS) from None
    return cells
