"""Reading the sheet of an XLSX workbook as rows of texts, in the form in which a CSV file would hold them.

A workbook is a ZIP archive, and its cells say where they stand. So a small file can claim to be a huge one. What it
holds is unpacked up to a limit, and the positions of its cells are looked at, before it is read.
"""

import codecs
import io
import re
import zipfile
from datetime import date, datetime, time
from math import isfinite
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from python_calamine import CalamineError, CalamineWorkbook

SIGNATURE = b"PK\x03\x04"
OLD_SIGNATURE = b"\xd0\xcf\x11\xe0"
"""The first bytes of an XLS workbook, and of one with a password."""
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
PLACE = re.compile(r"^([A-Za-z]{0,3})([1-9][0-9]{0,6})$", re.ASCII)
UNREADABLE = "The workbook cannot be read; save it without a password, or save its sheet as CSV."


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
            _check(part.filename, bytes(content))
            plain.writestr(part.filename, bytes(content))
    return target.getvalue()


def _check(name: str, content: bytes) -> None:
    """Raises WorkbookRefused for a part that is no plain XML, or whose cells stand far apart.

    A reader makes room for every cell up to the last one, so two cells far apart could fill the memory.
    """
    last = {"row": 1, "column": 1}
    seen = {"row": 0, "column": 0}

    def declared(version: str, encoding: str | None, standalone: int) -> None:
        if (encoding or "utf-8").lower() != "utf-8":
            raise WorkbookRefused(UNREADABLE)

    def doctype(*parts: Any) -> None:
        raise WorkbookRefused("The workbook declares entities of its own; save the sheet as CSV.")

    def started(tag: str, attributes: dict[str, str]) -> None:
        kind = tag.rpartition(":")[2]
        if kind not in ("c", "row"):
            return
        if (place := attributes.get("r")) is None:
            seen["row"], seen["column"] = (seen["row"] + 1, 0) if kind == "row" else (seen["row"], seen["column"] + 1)
        elif (found := PLACE.match(place)) is None or bool(found[1]) != (kind == "c"):
            raise WorkbookRefused(UNREADABLE)
        else:
            column = 0
            for letter in found[1].upper():
                column = column * 26 + ord(letter) - 64
            seen["row"], seen["column"] = int(found[2]), column
        last["row"], last["column"] = max(last["row"], seen["row"]), max(last["column"], seen["column"])

    parser = ParserCreate()
    parser.XmlDeclHandler, parser.StartDoctypeDeclHandler = declared, doctype
    if name.lower().startswith("xl/worksheets/") and not name.lower().endswith(".rels"):
        parser.StartElementHandler = started
    parser.Parse(content.removeprefix(codecs.BOM_UTF8), True)
    if last["row"] > MAX_ROWS or last["column"] > MAX_COLUMNS or last["row"] * last["column"] > MAX_CELLS:
        raise WorkbookRefused("A sheet of the workbook has cells far below or far to the right; save it as CSV.")


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and isfinite(cell):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell).replace("e+", "E+")
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ", "seconds")
    return cell.isoformat() if isinstance(cell, date) else str(cell)
