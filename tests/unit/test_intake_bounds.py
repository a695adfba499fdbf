"""Whatever somebody uploads: it is refused or read, in a time and space that grow with its size and no faster.

No test measures time. Work is counted in executed lines, for inputs of two sizes.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.formats.toml_file import TomlRefused, check_shape, read_toml
from services.intake.importing import csv_file
from services.intake.importing.column_map import ColumnMap
from services.intake.importing.drafts import parse_people
from services.intake.importing.plan import plan_import
from services.intake.importing.problems import ColumnsInvalid, ImportInvalid
from services.intake.person import PersonRecord
from tests.unit.properties import examples

TODAY = date(2026, 4, 1)
SMALL = 20


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of the importer are executed."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if "/services/intake/" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


EVIL_MAPS = {
    "dotted key": "a" + ".a" * 20_000 + " = 1",
    "dotted table": "[a" + ".a" * 20_000 + "]",
    "dotted key with spaces": "a" + " . a" * 10_000 + " = 1",
    "quoted parts": '""' + '.""' * 10_000 + " = 1",
    "literal parts": "''" + ".''" * 10_000 + " = 1",
    "many dotted keys": "\n".join(f"x{n}.{'.'.join('abcdefghijklmnopqrst' * 2)} = 1" for n in range(900)),
    "hidden behind quotes": 'a = {b = """x"""", ' + ".".join("c" * 5_000) + " = 1}",
    "hidden behind backslashes": '"' + "\\" * 1_002 + '"' + ".a" * 5_000 + " = 1",
    "deep arrays": "a = " + "[" * 5_000 + "]" * 5_000,
    "deep tables": "a = " + "{a = " * 5_000 + "1" + "}" * 5_000,
    "open arrays": "a = " + "[" * 90_000,
    "long key": "a" * 90_000 + " = 1",
    "long quoted key": '"' + "a" * 90_000 + '" = 1',
    "long key in a table": "t = {" + "a" * 90_000 + " = 1}",
    "long table": "[" + "a" * 90_000 + "]",
    "long number": "a = " + "9" * 90_000,
    "many lines": "\n" * 90_000,
    "large": "# " + "a" * 200_000,
    "open text": '"""' + '"' * 2 + "a" * 90_000,
    "backslashes": 'a = "' + "\\" * 90_001 + '"',
    "brackets in a text without an end": 'a = "[' + "[" * 90_000,
}  # fmt: skip


@pytest.mark.parametrize("evil", EVIL_MAPS.values(), ids=EVIL_MAPS)
def test_an_evil_mapping_is_refused_in_work_that_grows_with_its_size(evil: str) -> None:
    def refuse() -> None:
        with pytest.raises(ColumnsInvalid) as caught:
            ColumnMap.from_toml(evil.encode())
        assert len(str(caught.value.extra)) < 20_000

    assert lines_run(refuse) < 30 * len(evil)


@pytest.mark.parametrize(
    "evil", [name for name in EVIL_MAPS if name not in ("large", "long number", "open text", "backslashes")]
)
def test_the_shape_is_refused_before_anything_is_parsed(evil: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if evil.startswith("brackets"):
        return

    def never(text: str) -> None:
        raise AssertionError

    monkeypatch.setattr("tomllib.loads", never)
    with pytest.raises(TomlRefused):
        read_toml(EVIL_MAPS[evil].encode())


def test_what_a_text_or_a_remark_holds_does_not_count() -> None:
    text = (
        '# [[[[[[[[[[ a.b.c\n"a.b[{" = "'
        + "." * 500
        + "[" * 50
        + "\"\nb = '''\n"
        + "[.=" * 300
        + '\'\'\'\nc = """\\"""[[["""'
    )
    assert read_toml(text.encode())["a.b[{"].startswith(".")


@examples(150)
@given(st.text(alphabet="ab.=[]{}\"'\\#\n ,1", max_size=200))
def test_any_text_is_a_document_or_refused(text: str) -> None:
    with contextlib.suppress(TomlRefused):
        assert isinstance(read_toml(text.encode()), dict)


@examples(150)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_refused(data: bytes) -> None:
    with contextlib.suppress(ImportInvalid):
        parse_people(data, ColumnMap(), TODAY)


@pytest.mark.parametrize("encoding", ["punycode", "idna", "unicode_escape", "utf-7", "base64", "undefined"])
def test_encodings_that_no_export_has_are_refused(encoding: str) -> None:
    with pytest.raises(ColumnsInvalid):
        ColumnMap.from_toml(f'[formats]\nencoding = "{encoding}"'.encode())


def test_a_mapping_with_many_errors_lists_some_of_them_shortly() -> None:
    with pytest.raises(ColumnsInvalid) as caught:
        ColumnMap.from_toml("".join(f"{'k' * 300}{n} = 1\n" for n in range(200)).encode())
    errors = caught.value.extra["errors"]
    assert len(errors) == 50
    assert max(len(error["field"]) for error in errors) <= 100


EVIL_FILES = {
    "columns": b"a," * 50_000 + b"\n1\n",
    "lines": b"name,email\n" + b"\n" * 2_100_000,
    "suffixes": b'name,email\n"' + b"jr,x," * 20_000 + b'",a@x.example\n',
    "cell": b'name,email\nAnn Lee,"' + b"a." * 50_000 + b'@x"\n',
    "field": b'name,email\n"' + b"a" * 200_000 + b'",x\n',
}


@pytest.mark.parametrize("evil", EVIL_FILES.values(), ids=EVIL_FILES)
def test_an_evil_file_is_refused(evil: bytes) -> None:
    def refuse() -> None:
        with pytest.raises(ImportInvalid):
            plan_import(parse_people(evil, ColumnMap(), TODAY), [])

    assert lines_run(refuse) < 3 * len(evil) + 3_000


@pytest.mark.parametrize("text", [",", '"', "x", "é;", '","'])
@pytest.mark.parametrize("before", ["", "name,email\nAnn,ann@x.example\n"])
def test_no_parser_gets_a_line_as_long_as_a_file(text: str, before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one line nothing else in the process runs."""
    longest = 0

    def watched(lines: Iterable[str], delimiter: str) -> Any:
        def noting() -> Iterator[str]:
            nonlocal longest
            for line in lines:
                longest = max(longest, len(line))
                yield line

        return reader(noting(), delimiter)

    reader = csv_file._reader
    monkeypatch.setattr(csv_file, "_reader", watched)
    with pytest.raises(ImportInvalid) as caught:
        parse_people((before + text * (2 * csv_file.MAX_LINE) + "\n").encode(), ColumnMap(), TODAY)
    assert longest <= csv_file.MAX_LINE
    assert caught.value.extra["errors"][0]["line"] == before.count("\n") + 1


def test_a_row_has_few_cells_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "MAX_COLUMNS", 3)
    with pytest.raises(ImportInvalid) as caught:
        parse_people(b"name,email\nAnn,ann@x.example\nBob,bob@x.example,,,\n", ColumnMap(), TODAY)
    assert caught.value.extra["errors"][0]["line"] == 3


def test_no_name_of_many_parts_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "MAX_COLUMNS", 3)
    with pytest.raises(ImportInvalid):
        csv_file.read_table(b"a,b,c,d\n1,2,3,4\n")


def plan(text: str, directory: list[PersonRecord] | None = None, toml: str = "") -> object:
    column_map = ColumnMap.from_toml(toml.encode())
    return plan_import(parse_people(text.encode(), column_map, TODAY), directory or [], skip_invalid=True)


def known(count: int) -> list[PersonRecord]:
    text = "id,name,email\n" + "".join(f"{n},Given{n} Family{n},p{n}@x.example\n" for n in range(count))
    return plan_import(parse_people(text.encode(), ColumnMap(), TODAY), []).created


DERIVED = '[defaults]\nemail_domain = "x.example"'
PATTERNS: dict[str, Callable[[int], Callable[[], object]]] = {}


def pattern(build: Callable[[int], Callable[[], object]]) -> Callable[[int], Callable[[], object]]:
    PATTERNS[build.__name__] = build
    return build


@pattern
def each_takes_the_next_ones_address(count: int) -> Callable[[], object]:
    people = known(count)
    rows = "".join(f"{n},Given{n} Family{n},p{n + 1}@x.example\n" for n in range(count))
    rows += f"{count},Last One,nonsense\n"
    return lambda: plan("id,name,email\n" + rows, people)


@pattern
def a_chain_whose_end_is_taken(count: int) -> Callable[[], object]:
    people = known(count)
    rows = "".join(f"{n},Given{n} Family{n},p{n + 1}@x.example\n" for n in range(count - 1))
    return lambda: plan("id,name,email\n" + rows, people)


@pattern
def a_chain_backwards(count: int) -> Callable[[], object]:
    people = known(count)
    rows = "".join(f"{n},Given{n} Family{n},p{n + 1}@x.example\n" for n in reversed(range(count - 1)))
    return lambda: plan("id,name,email\n" + rows, people)


@pattern
def everybody_swaps_addresses(count: int) -> Callable[[], object]:
    people = known(count)
    rows = "".join(f"{n},Given{n} Family{n},p{n ^ 1}@x.example\n" for n in range(count))
    return lambda: plan("id,name,email\n" + rows, people)


@pattern
def everybody_wants_one_address(count: int) -> Callable[[], object]:
    people = known(count)
    rows = "".join(f"{n},Given{n} Family{n},p0@x.example\n" for n in range(count))
    return lambda: plan("id,name,email\n" + rows, people)


@pattern
def namesakes_without_ids(count: int) -> Callable[[], object]:
    return lambda: plan("name\n" + "Ann Lee\n" * count, toml=DERIVED)


@pattern
def namesakes_whose_ids_look_alike(count: int) -> Callable[[], object]:
    rows = "".join(f"7{'!' * (n % 90)}{'?' * (n // 90)},Ann Lee\n" for n in range(count))
    return lambda: plan("id,name\n" + rows, toml=DERIVED)


@pattern
def everybody_names_a_manager_of_a_common_name(count: int) -> Callable[[], object]:
    rows = "".join(f"{n},Ann Lee,p{n}@x.example,Ann Lee\n" for n in range(count))
    return lambda: plan("id,name,email,manager name\n" + rows)


@pattern
def a_chain_of_leavers(count: int) -> Callable[[], object]:
    rows = "".join(f"{n},P {n},p{n}@x.example,{n + 1},Terminated\n" for n in range(count))
    rows += "".join(f"s{n},S {n},s{n}@x.example,{n},Active\n" for n in range(count))
    return lambda: plan(f"id,name,email,manager id,status\n{rows}{count},X X,x@x.example,99999999,Terminated\n")


@pattern
def one_long_line_of_managers(count: int) -> Callable[[], object]:
    rows = "".join(f"{n},P {n},p{n}@x.example,{n + 1 if n + 1 < count else ''}\n" for n in range(count))
    return lambda: plan("id,name,email,manager id\n" + rows)


@pattern
def nothing_agrees(count: int) -> Callable[[], object]:
    people = known(2 * count)
    rows = "".join(f"{n},Other {n},q{n}@x.example\n" for n in range(count // 40))
    rows += "".join(f"{n},Given{n} Family{n},p{n}@x.example\n" for n in range(count // 40, count))
    answers = ", ".join(f'"{n}"' for n in range(count))
    return lambda: plan("id,name,email\n" + rows, people, f"[identity]\nnew = [{answers}]")


@pattern
def a_status_of_its_own_for_everybody(count: int) -> Callable[[], object]:
    rows = "".join(f"{n},P {n},p{n}@x.example,odd {n}\n" for n in range(count))
    return lambda: plan("id,name,email,status\n" + rows)


@pytest.mark.parametrize("build", PATTERNS.values(), ids=PATTERNS)
def test_planning_takes_work_that_grows_with_the_rows_whatever_the_pattern(
    build: Callable[[int], Callable[[], object]],
) -> None:
    """Twice as many rows more take twice the work. What is the same for every file does not count."""
    first, second, third = (lines_run(build(size)) for size in (SMALL, 2 * SMALL, 4 * SMALL))
    assert third - second < 1.05 * 2 * (second - first)


def test_the_shape_of_a_usual_mapping_is_let_through() -> None:
    check_shape('[columns]\nname = "a"\n[time_zones]\n"Berlin, HQ [1]" = "Europe/Berlin"\n')
