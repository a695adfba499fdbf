"""Reading the sheet of an XLSX workbook as rows of texts, in the form in which a CSV file would hold them.

A workbook is a ZIP archive, its cells say where they stand, and many cells can show one text. So a small file can
claim to be a huge one. The reader believes it: it makes room for everything that is claimed, and the process ends when
there is not as much memory. So what the archive holds is unpacked up to a limit, and every claim is looked at, before
the reader gets it (`workbook_claims.py`).
"""

import io
import re
import struct
import zipfile
import zlib
from datetime import date, datetime, time
from math import isfinite
from typing import Any, NamedTuple
from xml.parsers.expat import ExpatError

from python_calamine import CalamineError, CalamineWorkbook

from services.intake.formats.workbook_claims import UNREADABLE, Claims, WorkbookRefused
from shared.contracts.imports import ProblemCode

SIGNATURE = b"PK\x03\x04"
OLD_SIGNATURE = b"\xd0\xcf\x11\xe0"
"""The first bytes of an XLS workbook, and of one with a password."""
MAX_UNPACKED = 150 * 1024 * 1024
MAX_PARTS = 1_000
CHUNK = 1024 * 1024
PARTS = re.compile(r"^(\[Content_Types\]\.xml|_rels/.*|xl/(workbook|styles|sharedStrings)\.xml|xl/_rels/.*|"
                   r"xl/worksheets/.*)$", re.IGNORECASE)  # fmt: skip
"""The parts of the archive that hold texts and numbers. Pictures, macros and the like are not unpacked."""
SHARED = "xl/sharedstrings.xml"
READABLE = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""The compressions that spreadsheets use. Others may ask for gigabytes to unpack a few bytes."""
BROKEN = (
    CalamineError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ExpatError,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
)
"""What the libraries raise for an archive or a document that is damaged, or that has a password (RuntimeError)."""


class Sheet(NamedTuple):
    names: list[str]
    """Those of all sheets of the workbook."""
    rows: list[list[str]]
    """All rows of this sheet from its first one."""


def read_sheet(data: bytes, sheet: str | None = None) -> Sheet:
    """The sheet, which is the first one or the named one. Raises WorkbookRefused."""
    try:
        plain = _unpacked(data)
        book = CalamineWorkbook.from_filelike(io.BytesIO(plain))
        names = book.sheet_names
        if not names:
            raise WorkbookRefused(ProblemCode.NO_SHEETS)
        if sheet is not None and sheet not in names:
            raise WorkbookRefused(ProblemCode.SHEET_MISSING)
        rows = book.get_sheet_by_name(names[0] if sheet is None else sheet).to_python(skip_empty_area=False)
    except WorkbookRefused:
        raise
    except BROKEN:
        raise WorkbookRefused(UNREADABLE) from None
    return Sheet(names, [[_text(cell) for cell in row] for row in rows])


def sheet_names(data: bytes) -> list[str]:
    """Raises WorkbookRefused."""
    try:
        return list(CalamineWorkbook.from_filelike(io.BytesIO(_unpacked(data))).sheet_names)
    except BROKEN:
        raise WorkbookRefused(UNREADABLE) from None


def _unpacked(data: bytes) -> bytes:
    """The same workbook without compression and with its data parts alone, all of whose claims are true."""
    target = io.BytesIO()
    left = MAX_UNPACKED
    claims = Claims(MAX_UNPACKED)
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(target, "w") as plain:
        for part in _parts(archive):
            content = bytearray()
            with archive.open(part) as stream:
                while chunk := stream.read(CHUNK):
                    content += chunk
                    if len(content) > left:
                        raise WorkbookRefused(ProblemCode.WORKBOOK_TOO_LARGE)
            left -= len(content)
            claims.check(bytes(content))
            plain.writestr(part.filename, bytes(content))
    return target.getvalue()


def _parts(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The parts that are read, the shared texts first. Raises WorkbookRefused."""
    parts = [part for part in archive.infolist() if PARTS.match(part.filename)]
    if len(parts) > MAX_PARTS:
        raise WorkbookRefused(ProblemCode.WORKBOOK_TOO_MANY_PARTS, most=MAX_PARTS)
    names = {part.filename.lower() for part in parts}
    if len(names) < len(parts) or any(part.compress_type not in READABLE for part in parts):
        raise WorkbookRefused(UNREADABLE)
    return sorted(parts, key=lambda part: part.filename.lower() != SHARED)


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and isfinite(cell):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell).replace("e+", "E+")
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ", "seconds")
    return cell.isoformat() if isinstance(cell, date) else str(cell)
