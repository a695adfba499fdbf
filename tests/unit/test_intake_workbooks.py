"""Whatever workbook somebody uploads: it is refused before its reader gets it, or it is read.

The reader makes room for what a workbook claims. Where there is not as much memory, it ends the whole process.
"""

import contextlib
import io
import zipfile
from collections.abc import Callable, Iterable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.formats import workbook
from services.intake.formats.workbook import read_sheet
from services.intake.formats.workbook_claims import WorkbookRefused
from services.intake.importing.column_map import ColumnMap
from services.intake.importing.drafts import parse_people
from services.intake.importing.problems import ImportInvalid
from tests.unit.properties import examples
from tests.workbooks import MAIN, PACKAGE, RELATIONS, packed, sheet_xml

TODAY = date(2026, 4, 1)


def archive(parts: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as found:
        for name, content in parts.items():
            found.writestr(name, content)
    return data.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
SHARED = "xl/sharedStrings.xml"
RELATED = "xl/_rels/workbook.xml.rels"
FOLDER = "xl/worksheets/"
LATE_ROW = '<row r="199990"><c r="A1"/></row>'
FAR_ROW = '<row r="1"><c r="A1"/><c r="XFD1048576"/></row>'
FAR = '<c r="XFD1048576"><v>1</v></c>'
EVIL_BOOKS = {
    "far cell": lambda: packed(["A"], {SHEET: sheet_xml([["name"]]).replace("</row>", f"{FAR}</row>")}),
    "far row": lambda: packed(["A"], {SHEET: sheet_xml([["name"]]).replace('r="A1"', 'r="A999999999"')}),
    "wide and long": lambda: packed(["A"], {SHEET: sheet_xml([["n"]]).replace('r="A1"', "r = 'ALL190000'")}),
    "far cell behind a bracket": lambda: packed(["A"], {SHEET: sheet_xml([["n"]]).replace('r="A1"', 'x=">" r="XFD9"')}),
    "cell without a place": lambda: packed(["A"], {SHEET: sheet_xml([["n"]]).replace('r="A1"', 'r="ZZZZZZZZZ1"')}),
    "row zero": lambda: packed(["A"], {SHEET: sheet_xml([["n"]]).replace('r="A1"', 'r="A0"')}),
    "another encoding": lambda: packed(["A"], {SHEET: '<?xml version="1.0" encoding="latin-1"?>' + sheet_xml([["n"]])}),
    "no sheet": lambda: packed([], {}),
    "no workbook": lambda: archive({"a.txt": b"a"}),
    "broken": lambda: packed(["A"], {SHEET: "<worksheet><sheetData><row><c"})[:-40],
    "entities": lambda: packed(["A"], {SHEET: '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + sheet_xml([["&a;"]])}),
    "signature alone": lambda: b"PK\x03\x04",
    "rows in rows": lambda: packed(["A"], {SHEET: rows_in_rows(1_100)}),
    "cells in another row": lambda: packed(["A"], {SHEET: sheet(LATE_ROW, *["<row><c r='A1'/></row>"] * 20)}),
    "cell in a cell": lambda: packed(["A"], {SHEET: sheet('<row r="1"><c r="A1"><c r="B7"><v>1</v></c></c></row>')}),
    "sheet of another name": lambda: packed(["A"], {RELATED: related("a.rels"), f"{FOLDER}a.rels": sheet(FAR_ROW)}),
    "sheet in UTF-16": lambda: packed(["A"], {SHEET: two_faced(sheet(FAR_ROW))}),
    "many shared texts": lambda: sharing(["a"], ["0"], claim='uniqueCount="4000000000"'),
    "shared texts without number": lambda: sharing(["a"], ["0"], claim='uniqueCount="-1"'),
    "one long text in many cells": lambda: sharing(["a", "b" * 40_000], ["1"] * 4_000),
    "texts in texts": lambda: sharing(["</t></si><si><si><t>", "b"], ["1"]),
    "index in pieces": lambda: sharing(["a" * 9, "b"], ["0<!-- -->1"]),
    "index that is a fraction": lambda: sharing(["a" * 9, "b"], ["1.0"]),
    "deep elements": lambda: packed(["A"], {SHEET: "<a>" * 5_000 + "</a>" * 5_000}),
    "damaged": lambda: damaged(packed(["A"], {SHEET: sheet_xml([["n"]] * 50)})),
    "two parts of one name": lambda: archive({SHEET: b"<a/>", SHEET.upper(): b"<a/>"}),
    "another compression": lambda: archive({SHEET: b"<a/>"}, zipfile.ZIP_LZMA),
}  # fmt: skip


def sheet(*rows: str) -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(rows)}</sheetData></worksheet>'


def rows_in_rows(count: int) -> str:
    return sheet('<row r="1"><c/>' * count + "</row>" * count)


def related(target: str) -> str:
    one = f'<Relationship Id="r1" Type="{RELATIONS}/worksheet" Target="worksheets/{target}"/>'
    return f'<Relationships xmlns="{PACKAGE}/relationships">{one}</Relationships>'


def two_faced(text: str) -> bytes:
    """A document that is one element in UTF-16, and this text for a reader that takes every byte for a character."""
    hidden = (text + " " * (len(text) % 2)).encode()
    return b"\xfe\xff" + "<a>".encode("utf-16-be") + hidden + "</a>".encode("utf-16-be")


def sharing(texts: Iterable[str], indexes: Iterable[str], claim: str = "") -> bytes:
    """A workbook with these shared texts, and with cells that show those of these indexes."""
    shared = f'<sst xmlns="{MAIN}" {claim}>' + "".join(f"<si><t>{text}</t></si>" for text in texts) + "</sst>"
    rows = (f'<row><c t="s"><v>{index}</v></c></row>' for index in indexes)
    return packed(["A"], {SHARED: shared, SHEET: sheet(*rows)})


def damaged(book: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(book)) as found:
        start = found.getinfo(SHEET).header_offset + 30 + len(SHEET)
    return book[:start] + b"\xff" * 8 + book[start + 8 :]


@pytest.mark.parametrize("evil", EVIL_BOOKS.values(), ids=EVIL_BOOKS)
def test_an_evil_workbook_is_refused_before_its_reader_gets_it(
    evil: Callable[[], bytes], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if request.node.callspec.id not in ("no sheet", "no workbook"):
        monkeypatch.setattr(workbook, "CalamineWorkbook", None)
    with pytest.raises(WorkbookRefused):
        read_sheet(evil())
    with pytest.raises(ImportInvalid):
        parse_people(evil(), ColumnMap(), TODAY)


def test_a_workbook_is_unpacked_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MAX_UNPACKED", 100_000)
    with pytest.raises(WorkbookRefused, match="too large"):
        read_sheet(packed(["A"], {SHEET: " " * 200_000}))
    many = packed(["A"], {SHEET: sheet_xml([["a"]])} | {f"xl/media/image{n}.png": "x" * 9_000 for n in range(30)})
    assert read_sheet(many).rows == [["a"]]


def test_what_stands_behind_the_cells_is_no_claim() -> None:
    form = '<controls><anchor><xdr:row xmlns:xdr="x">1048576</xdr:row></anchor></controls>'
    buttons = packed(["A"], {SHEET: sheet_xml([["a"]]).replace("</worksheet>", f"{form}</worksheet>")})
    assert read_sheet(buttons).rows == [["a"]]
    shown = sharing(["a", "b", ""], ["2", "1", ""], claim='count="9999999" uniqueCount="3"')
    assert read_sheet(shown).rows == [[""], ["b"]]


@examples(60)
@given(st.binary(max_size=300), st.floats(0, 1), st.booleans())
def test_a_damaged_workbook_is_read_or_refused(data: bytes, place: float, longer: bool) -> None:
    book = packed(["A"], {SHEET: sheet_xml([["id", "name"], [1, True]])})
    start = int(place * len(book))
    with contextlib.suppress(WorkbookRefused):
        assert read_sheet(book[:start] + data + book[start if longer else start + len(data) :]).rows is not None


@examples(60)
@given(st.binary(max_size=400))
def test_any_bytes_after_the_signature_are_refused_as_a_workbook(data: bytes) -> None:
    with pytest.raises(WorkbookRefused):
        read_sheet(workbook.SIGNATURE + data)


TOKENS = [
    'r="A1048576"',
    'r="XFD9"',
    ' x:r="A9"',
    's="99"',
    't="s"',
    "<c",
    "<row",
    "<v>9",
    "</c>",
    "<!--",
    "-->",
    "&#65;",
    ">",
    '"',
]


@examples(40)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(TOKENS), st.integers(0, 9)), min_size=1, max_size=3))
def test_any_sheet_is_read_or_refused(changes: list[tuple[float, str, int]]) -> None:
    text = sheet_xml([["id", "name"], [1, True], ["#N/A", (40729, 1)]])
    for place, token, removed in changes:
        start = int(place * len(text))
        text = text[:start] + token + text[start + removed :]
    with contextlib.suppress(WorkbookRefused):
        assert read_sheet(packed(["A"], {SHEET: text})).rows is not None
