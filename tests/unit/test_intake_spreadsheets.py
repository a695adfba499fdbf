"""What spreadsheets do to an export: it is read right, or it is a note or a refusal, and never silently wrong."""

from datetime import date

import pytest

from services.intake.importing.cells import is_error, is_shortened, parse_email, serial_date, unmark
from services.intake.importing.column_map import ColumnMap
from services.intake.importing.drafts import Draft, ParsedFile, parse_people
from services.intake.importing.plan import plan_import
from services.intake.importing.problems import ImportInvalid
from services.intake.rules.applications import emails_of
from shared.contracts.intake import EnrolmentAnswer, EnrolmentRole
from tests.workbooks import DATE, workbook

TODAY = date(2026, 4, 1)
HEADER = "id,name,email\n"


def parsed(data: str | bytes, toml: str = "") -> ParsedFile:
    given = data.encode() if isinstance(data, str) else data
    return parse_people(given, ColumnMap.from_toml(toml.encode()), TODAY)


def only(data: str | bytes, toml: str = "") -> Draft:
    [draft] = parsed(data, toml).drafts
    return draft


def notes(found: ParsedFile) -> list[tuple[int, str]]:
    assert found.problems == []
    return [(note.line, note.column) for note in found.remarks.notes()]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('="00017"', "00017"), ("'00017", "00017"), ('="a ""b"""', 'a "b"'), ('= "x"', "x"), ("'=x", "=x"),
        ("'-x", "-x"),
        ("'t Hooft", "'t Hooft"),
        ("'Ann Lee", "Ann Lee"), ("'S-Gravenhage", "'S-Gravenhage"), ("'", ""),
        ('="A"&"B"', '="A"&"B"'), ("=A1", "=A1"), ("", ""), ('=""', ""),
    ],
)  # fmt: skip
def test_text_marks_are_no_part_of_the_text(cell: str, text: str) -> None:
    assert unmark(cell) == text


def test_text_marks_go_in_every_column_and_in_the_header() -> None:
    draft = only('="id",="name",email,department\n="00017",="Ann Lee",="a@x.example",=""\n')
    assert (draft.external_id, draft.name.name, draft.email, draft.department) == (
        "00017",
        "Ann Lee",
        "a@x.example",
        "",
    )


@pytest.mark.parametrize("cell", ["1.23457E+11", "1E+05", "1,2e+10", "-1.5E+7"])
def test_a_number_whose_digits_are_lost_is_refused(cell: str) -> None:
    assert is_shortened(cell)
    text = f"id;name;email;manager id\n{cell};A A;a@x.example;\n2;B B;b@x.example;{cell}\n"
    assert [(problem.line, problem.column) for problem in parsed(text).problems] == [(2, "id"), (3, "manager id")]


@pytest.mark.parametrize("cell", ["1E5", "E+5", "12E+5", "17", "A-1E+5"])
def test_an_id_may_hold_an_e(cell: str) -> None:
    assert not is_shortened(cell)


@pytest.mark.parametrize("cell", ["#N/A", "#n/a", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#NV",
                                  "#N/A N/A", "#BEZUG!", "#WERT!", "#####", "#¡VALOR!"])  # fmt: skip
def test_the_error_of_a_formula_says_nothing_and_is_a_note(cell: str) -> None:
    assert is_error(cell)
    found = parsed(f"id,name,email,department,manager\n1,A A,a@x.example,{cell},{cell}\n")
    assert (found.drafts[0].department, found.drafts[0].managers) == (None, {})
    assert notes(found) == [(2, "department"), (2, "manager")]


@pytest.mark.parametrize("cell", ["#1", "# 4", "#dev-team", "C#", "#hash tag!"])
def test_a_hash_alone_is_no_error(cell: str) -> None:
    assert not is_error(cell)
    assert only(f"id,name,email,department\n1,A A,a@x.example,{cell}\n").department == cell


@pytest.mark.parametrize("space", ["\u00a0", "\u202f", "\u2007", "\u3000", "\u200b", "\u00ad", "\ufeff", "\u202e"])
def test_spaces_and_letters_that_nobody_sees_change_nothing(space: str) -> None:
    draft = only(f"id,{space}name,email{space}\n{space}17{space},{space}Ann Lee{space},a@x.example{space}\n")
    assert (draft.external_id, draft.name.name, draft.email) == ("17", "Ann Lee", "a@x.example")


def test_serial_numbers_are_dates_and_a_note() -> None:
    found = parsed("id,name,email,hire date,end date\n1,A A,a@x.example,40729,\n2,B B,b@x.example,40729.5,45000\n")
    assert [draft.hired_on for draft in found.drafts if not draft.leaver] == [date(2011, 7, 5)]
    assert found.drafts[1].leaver
    assert {column for _, column in notes(found)} == {"hire date", "end date"}


@pytest.mark.parametrize("cell", ["17", "99999", "123456", "4072", "40729x"])
def test_other_numbers_are_no_dates(cell: str) -> None:
    assert serial_date(cell) is None


@pytest.mark.parametrize(
    "cell", ["0000-00-00", "00/00/0000", "N/A", "-", "0", "null", "TBD", "0000-00-00 00:00:00", "1/0/1900"]
)
def test_placeholders_are_no_dates(cell: str) -> None:
    found = parsed(f"id,name,email,hire date\n1,A A,a@x.example,{cell}\n")
    assert (found.drafts[0].hired_on, notes(found)) == (None, [])


@pytest.mark.parametrize("cell", ["1900-01-01", "0001-01-01", "01.01.1753", "9999-12-31"])
def test_dates_that_stand_for_none_are_a_note(cell: str) -> None:
    found = parsed(f"id,name,email,hire date\n1,A A,a@x.example,{cell}\n")
    assert (found.drafts[0].hired_on, notes(found)) == (None, [(2, "hire date")])


def test_marks_for_nothing_are_empty_texts_and_names_are_names() -> None:
    draft = only("id,first name,last name,email,department,location,job title\n-,Lea,Null,a@x.example,n/a,NA,-\n")
    assert (draft.external_id, draft.name.name, draft.department, draft.location, draft.job_title) == (
        None, "Lea Null", "", "NA", "",
    )  # fmt: skip


def test_a_manager_is_found_by_an_address_with_a_domain_of_other_letters() -> None:
    text = "id,name,email,manager email\n1,Ann Lee,ann@bücher.example,\n2,Bob Ray,bob@x.example,ANN@Bücher.example\n"
    ann, bob = plan_import(parsed(text), []).created
    assert bob.manager_id == ann.id


def test_a_domain_of_other_letters_is_the_one_of_the_dns_everywhere() -> None:
    assert parse_email("Jane@Bücher.example") == "jane@xn--bcher-kva.example"
    assert parse_email("jane@straße.example") == "jane@xn--strae-oqa.example"
    assert parse_email("jane@ＢÜCHER.example") == "jane@xn--bcher-kva.example"
    answer = EnrolmentAnswer(role=EnrolmentRole.MENTOR, preferred_emails=("Jane@bücher.example",))
    assert emails_of(answer) == {"jane@xn--bcher-kva.example"}


@pytest.mark.parametrize(
    "title", ["Employees as of 2026-04-01\n\n", "Example Inc.,,\nHR export,,\n,,\n", '"Report; all, staff"\n']
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_lines_above_the_header_are_skipped(title: str, delimiter: str) -> None:
    text = title + f"id{delimiter}name{delimiter}email\n1{delimiter}Ann Lee{delimiter}a@x.example\n"
    found = parsed(text)
    assert ([draft.external_id for draft in found.drafts], found.problems) == (["1"], [])
    assert found.drafts[0].line == found.header_line + 1


def test_the_mapping_names_the_line_of_the_header() -> None:
    text = 'name,email,"\nid,name,email\n9,Old Header,old@x.example\nNr,name,email\n1,Ann Lee,a@x.example\n'
    toml = '[table]\nheader_line = 4\n[columns]\nexternal_id = "Nr"'
    assert only(text, toml).line == 5

    with pytest.raises(ImportInvalid):
        parsed(text, "[table]\nheader_line = 400")


def test_a_file_whose_header_is_not_clear_is_read_from_its_first_line() -> None:
    with pytest.raises(ImportInvalid) as caught:
        parsed("who,contact\nAnn Lee,a@x.example\n")
    assert caught.value.extra["errors"][0]["line"] == 1


@pytest.mark.parametrize("footer", ["Total,,\n", "Total: 1,,\n", "Gesamt,1,\n", ",Summe 1,\n", 
                                    "Exported on 1 April,,\n", "\nTotal,,\nBy HR,,\n", "Anzahl:,1,\n"])  # fmt: skip
def test_lines_below_the_table_are_no_people_and_a_note(footer: str) -> None:
    found = parsed(f"{HEADER}1,Ann Lee,a@x.example\n{footer}")
    assert [draft.external_id for draft in found.drafts] == ["1"]
    assert notes(found)


def test_somebody_may_be_called_total() -> None:
    found = parsed(f"{HEADER}1,Total Ann,a@x.example\n2,Summe,b@x.example\n")
    assert (len(found.drafts), notes(found)) == (2, [])
    assert len(parsed(f"{HEADER}1,Ann Lee,a@x.example\n2,,\n").problems) == 2


def test_a_header_that_is_repeated_is_no_person() -> None:
    found = parsed(f"{HEADER}1,Ann Lee,a@x.example\n{HEADER}2,Bob Ray,b@x.example\n")
    assert [draft.external_id for draft in found.drafts] == ["1", "2"]
    assert notes(found) == [(3, "")]


def test_a_workbook_is_read_like_a_csv_file() -> None:
    data = workbook(
        {
            "People": [
                ["HR export"], [], ["id", "name", "email", "level", "hire date", "active", "department"],
                [17, "Ann Lee", "a@x.example", 3.0, (40729, DATE), True, "#N/A"],
                ["00018", "Bob Ray", "b@x.example", 1, (45000, DATE), False, "IT"],
                [1234567890123, "Cem Tan", "c@x.example", 2, None, True, None],
            ],
            "Other": [["name", "email"], ["Zoe Orr", "z@x.example"]],
        }
    )  # fmt: skip
    found = parsed(data)

    assert [draft.external_id for draft in found.drafts] == ["17", "00018", "1234567890123"]
    assert [draft.leaver for draft in found.drafts] == [False, True, False]
    assert (found.drafts[0].hired_on, found.drafts[0].level, found.drafts[0].line) == (date(2011, 7, 5), 3, 4)
    assert found.problems == []
    assert [draft.name.name for draft in parsed(data, '[table]\nsheet = "Other"').drafts] == ["Zoe Orr"]
    with pytest.raises(ImportInvalid) as caught:
        parsed(data, '[table]\nsheet = "Nobody"')
    assert "sheet" in caught.value.extra["errors"][0]["reason"]


def test_an_old_workbook_or_one_with_a_password_says_what_to_do() -> None:
    with pytest.raises(ImportInvalid) as caught:
        parsed(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500))
    assert "password" in caught.value.extra["errors"][0]["reason"]


def test_a_number_that_a_workbook_holds_without_all_its_digits_is_refused() -> None:
    found = parsed(workbook({"A": [["id", "name", "email"], [1.2345678901234568e17, "Ann Lee", "a@x.example"]]}))
    assert [problem.column for problem in found.problems] == ["id"]
