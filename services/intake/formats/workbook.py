"""Reading the sheet of an XLSX workbook as rows of texts, in the form in which a CSV file would hold them.

A workbook is a ZIP archive, and its cells say where they stand. So a small file can claim to be a huge one. What it
holds is unpacked up to a limit, and the positions of its cells are looked at, before it is read.
"""

import io
import re
import zipfile
from datetime import date, datetime, time
from math import isfinite
from typing import Any
from xml.parsers.expat import ExpatError

from python_calamine import CalamineError, CalamineWorkbook

SIGNATURE = b"PK\x03\x04"
MAX_UNPACKED = 150 * 1024 * 1024
MAX_PARTS = 1_000
MAX_COLUMNS = 1_000
MAX_ROWS = 200_000
"""The last row that may hold a cell. Above it, empty rows count too."""
MAX_CELLS = 12_000_000
CHUNK = 1024 * 1024
PARTS = re.compile(r"^(\[Content_Types\]\.xml|_rels/.*|xl/(workbook|styles|sharedStrings)\.xml|xl/_rels/.*|"
                   r"xl/worksheets/.*)$", re.IGNORECASE)  # fmt: skip
"""The parts of the archive that hold texts and numbers. Pictures, macros and the like are not unpacked."""
POSITION = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{0,8})(\d{1,12})["']""")


class WorkbookRefused(ValueError):
    """The workbook cannot be read. The message says why, and what to do."""


def read_sheet(data: bytes, sheet: str | None = None) -> list[list[str]]:
    """All rows from the first row of the sheet, which is the first one or the named one. Raises WorkbookRefused."""
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(_unpacked(data)))
        names = book.sheet_names
        if not names:
            raise WorkbookRefused("The workbook has no sheets.")
        if sheet is not None and sheet not in names:
            raise WorkbookRefused("The workbook has no sheet of the name that [table] sheet gives.")
        rows = book.get_sheet_by_name(names[0] if sheet is None else sheet).to_python(skip_empty_area=False)
    except (CalamineError, zipfile.BadZipFile, ExpatError, OSError, EOFError, NotImplementedError, RuntimeError):
        raise WorkbookRefused(
            "The workbook cannot be read; save it without a password, or save its sheet as CSV."
        ) from None
    return [[_text(cell) for cell in row] for row in rows]


def _unpacked(data: bytes) -> bytes:
    """The same workbook without compression and with its data parts alone, so that its size is known."""
    target = io.BytesIO()
    left = MAX_UNPACKED
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(target, "w") as plain:
        parts = [part for part in archive.infolist() if PARTS.match(part.filename)]
        if len(parts) > MAX_PARTS:
            raise WorkbookRefused(f"The workbook has more than {MAX_PARTS} parts; save the sheet alone.")
        for part in parts:
            content = bytearray()
            with archive.open(part) as stream:
                while chunk := stream.read(CHUNK):
                    content += chunk
                    if len(content) > left:
                        raise WorkbookRefused("The workbook is too large when it is unpacked; save the sheet as CSV.")
            left -= len(content)
            if b"<!DOCTYPE" in content[:2000] or b"<!ENTITY" in content[:2000]:
                raise WorkbookRefused("The workbook declares entities of its own; save the sheet as CSV.")
            if part.filename.lower().startswith("xl/worksheets/"):
                _check_positions(content)
            plain.writestr(part.filename, bytes(content))
    return target.getvalue()


def _check_positions(sheet: bytearray) -> None:
    """A reader makes room for every cell up to the last one, so two cells far apart could fill the memory."""
    last_row = last_column = 1
    for found in POSITION.finditer(sheet):
        last_row = max(last_row, int(found[2]))
        column = 0
        for letter in found[1].upper():
            column = column * 26 + letter - 64
        last_column = max(last_column, column)
    if last_row > MAX_ROWS or last_column > MAX_COLUMNS or last_row * last_column > MAX_CELLS:
        raise WorkbookRefused("A sheet of the workbook has cells far below or far to the right; save it as CSV.")


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and isfinite(cell):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell).replace("e+", "E+")
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ", "seconds")
    return cell.isoformat() if isinstance(cell, date) else str(cell)
