"""Lists as tables: what a cell holds, and who gets a table."""

import re
from typing import Any

import pytest
from starlette.requests import Request

from shared.contracts.text import FORMULA
from shared.http.tables import cell, table_line, wants_table


def asking(accept: str | None) -> Request:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers})


@pytest.mark.parametrize("begins", FORMULA)
def test_a_cell_that_a_spreadsheet_would_run_is_text(begins: str) -> None:
    assert cell(f'{begins}HYPERLINK("https://evil.example")').startswith(f"'{begins}")
    assert cell([f"{begins}1", "b"]).startswith(f"'{begins}")


@pytest.mark.parametrize("begins", [one for one in FORMULA if not one.isspace()])
@pytest.mark.parametrize("before", ["a;", "a; ", "a\n", "a|", "a;'", " ", '"\t'])
def test_no_formula_begins_within_a_cell_where_a_program_divides_it(before: str, begins: str) -> None:
    """With a German or French keyboard a semicolon divides cells, and a quotation mark within a line quotes nothing."""
    written = table_line([f"{before}{begins}cmd|' /C calc'!A0", "b"])
    parts = [part.strip(' "') for part in re.split("[;|\t\n,]", written)]
    assert not [part for part in parts if part.startswith(FORMULA)], written


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a; b - c", "a; b - c"),
        ("ada@example.org", "ada@example.org"),
        ("2027-01-14", "2027-01-14"),
        (None, ""),
        (True, "true"),
        (-5, "-5"),
        (0.5, "0.5"),
        ("", ""),
        ("Ada", "Ada"),
        (["a", "b"], "a; b"),
        ([], ""),
        ({"é": 1}, '{"é": 1}'),
        ([{"a": 1}], '[{"a": 1}]'),
    ],
)
def test_every_value_of_json_has_its_cell(value: Any, expected: str) -> None:
    assert cell(value) == expected


@pytest.mark.parametrize(
    ("accept", "table"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", False),
        ("text/csv", True),
        ("TEXT/CSV; header=present", True),
        ("text/csv, application/json;q=0.5", True),
        ("application/json, text/csv;q=0.5", False),
        ("application/json, text/csv", False),
        ("text/csv;q=0", False),
        ("text/csv;q=much", False),
        ("text/html,*/*;q=0.8", False),
    ],
)
def test_a_table_is_for_callers_that_prefer_one(accept: str | None, table: bool) -> None:
    assert wants_table(asking(accept)) is table
