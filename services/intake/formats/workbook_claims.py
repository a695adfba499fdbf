"""What the parts of a workbook claim: where cells stand, how many texts they share, and which text a cell shows.

The reader of workbooks makes room for all of it before it has seen whether it is there. It also reads XML with less
care than a parser of XML does, so that it could see cells where this module sees none. Therefore rows and cells are
taken only where they belong.
"""

import codecs
import re
from typing import Any
from xml.parsers.expat import ParserCreate

from shared.contracts.imports import ProblemCode
from shared.language.problems import in_english

MAX_COLUMNS = 1_000
MAX_ROWS = 200_000
"""The last row that may hold a cell. Above it, empty rows count too."""
MAX_CELLS = 12_000_000
PLACE = re.compile(r"^([A-Za-z]{0,3})([1-9][0-9]{0,6})$", re.ASCII)
NUMBER = re.compile(r"^[0-9]{1,9}$", re.ASCII)
MAX_DEPTH = 100
"""How deep elements may be nested."""
INSIDE = {"row": "sheetData", "c": "row", "si": "sst"}
"""What rows, cells and shared texts stand in."""
SHORTEST = len("<si/>")
"""The bytes of a shared text, at least."""
UNREADABLE = ProblemCode.WORKBOOK_UNREADABLE


class WorkbookRefused(ValueError):
    """The workbook cannot be read. The message says why, and what to do."""

    def __init__(self, code: ProblemCode, **arguments: int | str) -> None:
        super().__init__(in_english(code, arguments))
        self.code, self.arguments = code, arguments


class Claims:
    """The claims of one workbook. The part with the shared texts is checked before the sheets, which refer to it."""

    def __init__(self, most_characters: int) -> None:
        """`most_characters` is how many characters the cells may show that show a shared text."""
        self._shared: list[int] = []
        """The length of each shared text."""
        self._left = most_characters

    def check(self, content: bytes) -> None:
        """Raises WorkbookRefused for a part that claims too much, and ExpatError for one that is no XML in UTF-8."""
        part = _Part(self._shared, len(content))
        part.parse(content)
        if part.last_row > MAX_ROWS or part.last_column > MAX_COLUMNS or part.last_row * part.last_column > MAX_CELLS:
            raise WorkbookRefused(ProblemCode.WORKBOOK_CELLS_FAR_AWAY)
        self._left -= part.shown
        if self._left < 0:
            raise WorkbookRefused(ProblemCode.WORKBOOK_REPEATS_TEXTS)


class _Part:
    """One part while it is parsed."""

    def __init__(self, shared: list[int], size: int) -> None:
        self.last_row = self.last_column = 1
        self.shown = 0
        """The characters of the shared texts that its cells show."""
        self._shared, self._size = shared, size
        self._row = self._column = 0
        self._open: list[str] = []
        self._is_over = False
        """Whether the cells have ended. Forms and pictures behind them have rows of their own."""
        self._shows_shared = False
        """Whether the open cell shows a shared text."""
        self._index: list[str] = []
        self._length = 0

    def parse(self, content: bytes) -> None:
        if b"\0" in content:  # UTF-16, which this parser would recognize by itself
            raise WorkbookRefused(UNREADABLE)
        parser = ParserCreate("utf-8")  # whatever the document itself says
        parser.XmlDeclHandler, parser.StartDoctypeDeclHandler = _declared, _doctype
        parser.StartElementHandler, parser.EndElementHandler = self._started, self._ended
        parser.CharacterDataHandler = self._read
        parser.Parse(content.removeprefix(codecs.BOM_UTF8), True)

    def _started(self, tag: str, attributes: dict[str, str]) -> None:
        kind = tag.partition(":")[2] or tag
        if kind in INSIDE and not self._is_over:
            if not self._open or self._open[-1] != INSIDE[kind]:
                raise WorkbookRefused(UNREADABLE)
            if kind == "si":
                self._length = 0
            else:
                self._place(kind, attributes.get("r"))
                self._shows_shared = attributes.get("t") == "s"
        elif kind == "v":
            self._index.clear()
        elif kind == "sst":
            claimed = attributes.get("uniqueCount", "0")
            if NUMBER.match(claimed) is None or int(claimed) * SHORTEST > self._size:
                raise WorkbookRefused(UNREADABLE)
        self._open.append(kind)
        if len(self._open) > MAX_DEPTH:
            raise WorkbookRefused(UNREADABLE)

    def _place(self, kind: str, place: str | None) -> None:
        """Notes where a row or a cell stands: where it says, or else behind the one before. A cell may name
        another row than the one that it is in; this holds for that cell alone."""
        row = self._row
        if place is None:
            row, self._column = (row + 1, 0) if kind == "row" else (row, self._column + 1)
        elif (found := PLACE.match(place)) is None or bool(found[1]) != (kind == "c"):
            raise WorkbookRefused(UNREADABLE)
        else:
            row, self._column = int(found[2]), 0
            for letter in found[1].upper():
                self._column = self._column * 26 + ord(letter) - 64
        if kind == "row":
            self._row = row
        self.last_row, self.last_column = max(self.last_row, row), max(self.last_column, self._column)

    def _read(self, text: str) -> None:
        if self._open[-1] == "v":
            self._index.append(text)
        else:
            self._length += len(text)

    def _ended(self, tag: str) -> None:
        kind = self._open.pop()
        if kind == "si":
            self._shared.append(self._length)
        elif kind == "sheetData":
            self._is_over = True
        elif kind == "v" and self._shows_shared and self._index:
            # The reader takes the first of several pieces, and the first text for what is no number.
            if len(self._index) > 1 or NUMBER.match(self._index[0]) is None:
                raise WorkbookRefused(UNREADABLE)
            index = int(self._index[0])
            self.shown += self._shared[index] if index < len(self._shared) else 0


def _declared(version: str, encoding: str | None, standalone: int) -> None:
    if (encoding or "utf-8").lower() != "utf-8":
        raise WorkbookRefused(UNREADABLE)


def _doctype(*parts: Any) -> None:
    raise WorkbookRefused(ProblemCode.WORKBOOK_OWN_ENTITIES)
