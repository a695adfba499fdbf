"""What single cells of an export mean."""

from datetime import date

import pytest

from services.intake.importing.cells import (
    BadCell,
    DateOrder,
    clean,
    order_of_dates,
    parse_date,
    parse_email,
    parse_id,
    parse_language,
    parse_level,
    parse_time_zone,
    parse_yes,
)
from services.intake.importing.names import exact_key, join_name, loose_key, parse_name

TODAY = date(2026, 4, 1)


@pytest.mark.parametrize(
    "cell",
    [
        "2011-07-05",
        "2011/7/5",
        "2011-07-05T00:00:00",
        "2011-07-05 08:30",
        "20110705",
        "7/5/2011",
        "07-05-2011",
        "07/05/11",
        "05.07.2011",
        "5.7.2011",
        "5-Jul-2011",
        "5 July 2011",
        "Jul 5, 2011",
        "7/5/2011 12:00:00 AM",
        "40729",
    ],
)
def test_dates_in_the_usual_forms(cell: str) -> None:
    assert parse_date(cell, DateOrder.MONTH_FIRST, TODAY) == date(2011, 7, 5)


def test_day_first_is_a_matter_of_the_file() -> None:
    assert parse_date("7/5/2011", DateOrder.DAY_FIRST, TODAY) == date(2011, 5, 7)


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["7/5/2011", "25/12/2011"], DateOrder.DAY_FIRST),
        (["7/5/2011", "12/25/2011"], DateOrder.MONTH_FIRST),
        (["7/5/2011"], DateOrder.MONTH_FIRST),
        (["25/12/2011", "12/25/2011"], DateOrder.MONTH_FIRST),
        (["25.12.2011", "7/5/2011"], DateOrder.MONTH_FIRST),
    ],
)
def test_the_files_own_dates_decide_the_order(cells: list[str], order: DateOrder) -> None:
    assert order_of_dates(cells) is order


@pytest.mark.parametrize(
    "cell", ["2011-02-30", "13/13/2011", "soon", "407291", "2011-07-05x", "1/2-2011", "5 Foo 2011"]
)
def test_what_is_no_date_is_refused_without_repeating_it(cell: str) -> None:
    with pytest.raises(BadCell) as caught:
        parse_date(cell, DateOrder.MONTH_FIRST, TODAY)
    assert cell not in str(caught.value)


def test_why_a_cell_is_refused_is_a_whole_sentence() -> None:
    parsers = (parse_level, parse_email, parse_time_zone, parse_language, parse_yes)
    refused = []
    for parse in parsers:
        with pytest.raises(BadCell) as caught:
            parse("?")
        refused.append(str(caught.value))
    with pytest.raises(BadCell, match=r"^This cell is not a day of the calendar; if days come before months, .+\.$"):
        parse_date("2011-02-30", DateOrder.MONTH_FIRST, TODAY)
    assert [text for text in refused if not (text.startswith("This cell is n") and text.endswith("."))] == []


def test_two_digit_years_are_not_far_in_the_future() -> None:
    assert parse_date("1/2/83", DateOrder.MONTH_FIRST, TODAY).year == 1983
    assert parse_date("1/2/26", DateOrder.MONTH_FIRST, TODAY).year == 2026


@pytest.mark.parametrize(("cell", "level"), [("3", 3), ("3.0", 3), ("L4", 4), ("Level 5", 5), ("100", 100)])
def test_levels(cell: str, level: int) -> None:
    assert parse_level(cell) == level


@pytest.mark.parametrize("cell", ["0", "101", "-1", "3.5", "Senior", "IC3"])
def test_what_is_no_level_is_refused(cell: str) -> None:
    with pytest.raises(BadCell):
        parse_level(cell)


def test_addresses_are_kept_in_lower_case() -> None:
    assert parse_email("Jane.O'Neil+hr@Example.COM") == "jane.o'neil+hr@example.com"


@pytest.mark.parametrize(
    "cell",
    ["jane", "jane@", "@example.com", "jane@example", "a b@example.com", "jane@@example.com", "jane@example.com,",
     "j..d@example.com", "jane@-x.com", "<jane@example.com>", "jäne@example.com", "x" * 65 + "@example.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused(cell: str) -> None:
    with pytest.raises(BadCell):
        parse_email(cell)


def test_time_zones_in_any_case_and_by_the_mappings_names() -> None:
    assert parse_time_zone("europe/berlin") == "Europe/Berlin"
    assert parse_time_zone("America/New York") == "America/New_York"
    assert parse_time_zone("HQ", {"hq": "Asia/Singapore"}) == "Asia/Singapore"
    for cell in ("Mars/Base", "CEST?", "../etc/passwd", "+02:00"):
        with pytest.raises(BadCell):
            parse_time_zone(cell)


def test_languages_fold_to_the_language_that_people_share() -> None:
    assert [parse_language(cell) for cell in ("en-GB", "EN", "pt_BR", "German")] == ["en", "en", "pt", "de"]
    with pytest.raises(BadCell):
        parse_language("a language")


def test_stray_spaces_and_invisible_characters_go() -> None:
    assert clean(" \u00a0Jane \t\n Doe\u200b ") == "Jane Doe"
    assert clean("Jose\u0301") == "José"


def test_ids_that_a_spreadsheet_made_decimal() -> None:
    assert [parse_id(cell) for cell in ("17.0", "0017", "A.0", "17,0", "17.00", "17.000")] == [
        "17", "0017", "A.0", "17", "17", "17.000",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "name", "given", "family"),
    [
        ("Doe, Jane", "Jane Doe", "Jane", "Doe"),
        ("Jane Doe", "Jane Doe", "Jane", "Doe"),
        ("Adinolfi, Wilson K", "Wilson K Adinolfi", "Wilson", "Adinolfi"),
        ("Ludwig van der Rohe", "Ludwig van der Rohe", "Ludwig", "van der Rohe"),
        ("Smith, Jr., John", "John Smith Jr.", "John", "Smith Jr."),
        ("John Smith, Jr.", "John Smith Jr.", "John", "Smith Jr."),
        ("Anna Maria Lopez", "Anna Maria Lopez", "Anna Maria", "Lopez"),
        ("Suharto", "Suharto", "Suharto", ""),
        ("", "", "", ""),
    ],
)
def test_names_in_one_cell(cell: str, name: str, given: str, family: str) -> None:
    assert parse_name(cell) == (name, given, family)


def test_a_managers_name_is_found_in_spite_of_initials_and_accents() -> None:
    row, reference = parse_name("LeBlanc, Brandón  R"), parse_name("Brandon R. LeBlanc")
    assert loose_key(row) == loose_key(reference)
    assert exact_key(parse_name("LeBlanc, Brandon R")) == exact_key(reference)
    assert loose_key(join_name("Brandon", "Leblond")) != loose_key(reference)
