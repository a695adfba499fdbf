"""Bytes become rows, whichever program wrote them."""

import pytest

from services.intake.importing import csv_file
from services.intake.importing.csv_file import read_table
from services.intake.importing.problems import ImportInvalid


def cells(data: bytes) -> list[list[str]]:
    return [row.cells for row in read_table(data).rows]


def first_error(data: bytes) -> dict[str, object]:
    with pytest.raises(ImportInvalid) as caught:
        read_table(data)
    found: dict[str, object] = caught.value.extra["errors"][0]
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_accented_names_survive_the_usual_encodings(encoding: str) -> None:
    table = read_table("name,city\nJosé Müller,Zürich\n".encode(encoding))

    assert table.header.cells == ["name", "city"]
    assert table.rows[0].cells == ["José Müller", "Zürich"]


def test_damaged_utf8_is_refused_rather_than_garbled() -> None:
    data = "name\nJosé\nMüller\n".encode() + b"Ren\xe9\n"

    assert first_error(data)["line"] == 4


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    assert cells(f'name{delimiter}city\n"Doe, Jane"{delimiter}Rome\n'.encode()) == [["Doe, Jane", "Rome"]]


def test_excels_separator_line_is_obeyed_and_counted() -> None:
    table = read_table(b"sep=;\r\nname;city\r\nJane;Rome\r\n")

    assert table.rows == [(3, ["Jane", "Rome"])]


def test_a_row_keeps_the_physical_line_on_which_it_starts() -> None:
    table = read_table(b'name,note\n"Jane","two\nlines"\n\n,\nJoe,x\n')

    assert [row.line for row in table.rows] == [2, 6]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_counts_once(end: str) -> None:
    table = read_table(end.join(["name,city", "Jane,Rome", "Joe,Oslo"]).encode())

    assert [row.line for row in table.rows] == [2, 3]


def test_spaces_around_quoted_cells_are_forgiven() -> None:
    assert cells(b'name,city\n "Doe, Jane" , "Rome" \n') == [["Doe, Jane", "Rome"]]


def test_an_unclosed_quotation_mark_does_not_swallow_the_rows_below() -> None:
    error = first_error(b'name,city\nJane,Rome\n"Joe,Oslo\nAnn,Bonn\n')

    assert error["line"] == 3


def test_a_stray_quotation_mark_names_its_row() -> None:
    error = first_error(b'name,city\nJane,Rome\n"Joe" x"y,Oslo\nAnn,Bonn\n')

    assert error["line"] == 3


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "empty"), (b"\n \n", "empty"), (b"name,email\n", "no rows"), (b"name\nJa\0ne\n", "NUL")],
)
def test_files_without_anything_to_import_say_so(data: bytes, words: str) -> None:
    assert words in str(first_error(data)["reason"])


def test_more_rows_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "MAX_ROWS", 2)

    assert len(cells(b"name\na\nb\n")) == 2
    assert first_error(b"name\na\nb\nc\n")["line"] == 4


def test_a_file_that_is_not_text_is_refused() -> None:
    assert first_error(b"name\n\x81\x8d\n")["line"] == 2
