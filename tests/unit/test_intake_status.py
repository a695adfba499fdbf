"""Who works here, who is away and who has left, in the words and flags of eight languages."""

import csv
import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.importing.cells import clean
from services.intake.importing.column_map import ColumnMap
from services.intake.importing.drafts import Draft, ParsedFile, parse_people
from services.intake.importing.problems import ImportInvalid
from services.intake.importing.status import Standing, standing_of
from services.intake.person import Availability
from services.intake.vocabulary import ACTIVE, AWAY, LEFT, LEFT_CODES
from tests.unit.properties import examples

TODAY = date(2026, 4, 1)


def parsed(text: str, toml: str = "") -> ParsedFile:
    return parse_people(text.encode(), ColumnMap.from_toml(toml.encode()), TODAY)


def row(headers: str, cells: str, toml: str = "") -> Draft:
    [draft] = parsed(f"id,name,email,{headers}\n1,A A,a@x.example,{cells}\n", toml).drafts
    return draft


@pytest.mark.parametrize(
    "status",
    [
        "Terminated", "Terminated for Cause", "Voluntarily Terminated", "Voluntary Resignation", "Not Active",
        "Deactivated", "Laid off", "Former employee", "Retired", "Ausgeschieden", "Ausgeschiedene/r",
        "nicht mehr aktiv",
        "Ehemalige Mitarbeiterin", "Gekündigt", "Licencié(e)", "Démissionnaire", "Retraité", "Despedido/a", "Inactivo",
        "Baja voluntaria", "Cessato", "Licenziata", "Uit dienst", "Gepensioneerd", "Zwolniony", "Były pracownik",
        "Nieaktywny", "Desligado", "Aposentada", "Não ativo", "T", "TERM", "Terminated - Voluntary", "Inactive (left)",
    ],
)  # fmt: skip
def test_words_of_eight_languages_say_who_has_left(status: str) -> None:
    assert standing_of(status) is Standing.LEFT


@pytest.mark.parametrize(
    "status",
    [
        "On leave", "Maternity leave", "Leave of absence", "Parental Leave (unpaid leave)", "Active - On Leave",
        "Elternzeit", "in Elternzeit", "Mutterschutz", "Beurlaubt", "Congé maternité", "En congé parental",
        "Excedencia",
        "Baja médica", "In aspettativa", "Met verlof", "Zwangerschapsverlof", "Urlop macierzyński", 
        "Licença maternidade", "Afastado(a)", "Sabbatical",
    ],
)  # fmt: skip
def test_words_of_eight_languages_say_who_is_away(status: str) -> None:
    assert standing_of(status) is Standing.AWAY


@pytest.mark.parametrize(
    "status",
    [
        "Active",
        "aktiv",
        "Actif",
        "Activo/a",
        "In forza",
        "In dienst",
        "Zatrudniony",
        "Em atividade",
        "Full-time",
        "Active - Full-Time",
        "ACTIVE-FULLTIME",
        "active.",
    ],
)
def test_words_of_eight_languages_say_who_works_here(status: str) -> None:
    assert standing_of(status) is Standing.ACTIVE


@pytest.mark.parametrize(
    "status",
    [
        "Active; left-handed desk",
        "Left bank office",
        "Retired Officers Liaison",
        "Active / Terminated",
        "Pending",
        "x" * 500,
    ],
)
def test_a_part_of_a_status_says_nothing(status: str) -> None:
    assert standing_of(status) is None
    assert not row("status", status).leaver


def test_no_word_means_two_things() -> None:
    assert not (LEFT | LEFT_CODES) & AWAY
    assert not (LEFT | LEFT_CODES) & ACTIVE
    assert not AWAY & ACTIVE


@examples(100)
@given(st.text(max_size=120))
def test_any_status_is_read_without_an_error(status: str) -> None:
    assert standing_of(status) in (*Standing, None)


@pytest.mark.parametrize(
    ("header", "no", "yes"),
    [
        ("is_active", "False", "True"), ("Active?", "No", "Yes"), ("Activated", "0", "1"), ("Enabled", "FALSE", "TRUE"),
        ("Active (Y/N)", "N", "Y"), ("Active (Yes/No)", "no", "yes"), ("Aktiv (J/N)", "Nein", "Ja"),
        ("Actif", "Non", "Oui"), ("Activo", "No", "Sí"), ("Attivo", "Falso", "Vero"), ("Actief", "Nee", "Ja"),
        ("Aktywny", "Nie", "Tak"), ("Ativo", "Não", "Sim"), ("Account enabled", "f", "t"), ("ACTIVE FLAG", "n", "y"),
        ("Employment status", "No", "Yes"), ("is active", "Inactive", "Active"),
    ],
)  # fmt: skip
def test_flags_count_in_every_language(header: str, no: str, yes: str) -> None:
    assert row(header, no).leaver
    assert not row(header, yes).leaver
    assert parsed(f"id,name,email,{header}\n1,A A,a@x.example,{yes}\n").remarks.notes() == []


@pytest.mark.parametrize("header", ["Inactive", "is_terminated", "Has left?", "Ausgeschieden (J/N)"])
def test_flags_may_say_the_opposite(header: str) -> None:
    assert row(header, "Y").leaver
    assert not row(header, "N").leaver
    assert row(header, "2025-12-31").leaver
    assert not row(header, "2026-12-31").leaver


def test_a_flag_counts_beside_a_status_and_a_contradiction_is_a_note() -> None:
    found = parsed("id,name,email,status,active\n1,A A,a@x.example,Active,No\n2,B B,b@x.example,Terminated,Yes\n")

    assert [draft.leaver for draft in found.drafts] == [True, True]
    assert "2 rows" in found.remarks.notes()[0].reason


def test_each_unknown_word_is_one_note_with_its_count() -> None:
    rows = "".join(f"{n},P {n},p{n}@x.example,{'Pending' if n < 3 else 'Odd'}\n" for n in range(5))
    notes = parsed("id,name,email,status\n" + rows).remarks.notes()

    assert [(note.line, note.reason[-len("It concerns 3 rows."):]) for note in notes] == [
        (2, "It concerns 3 rows."), (5, "It concerns 2 rows."),
    ]  # fmt: skip


def test_a_column_of_remarks_makes_no_endless_list() -> None:
    rows = "".join(f"{n},P {n},p{n}@x.example,word {n} of many\n" for n in range(300))
    assert len(parsed("id,name,email,status\n" + rows).remarks.notes()) == 201


def test_the_mapping_gives_words_their_meaning() -> None:
    toml = '[status]\nactive = ["Pending"]\naway = ["On tour"]\nleavers = ["Gone"]'
    found = [row("status", word, toml) for word in ("pending", "On Tour", "gone", "Elternzeit", "Terminated")]

    assert [draft.leaver for draft in found] == [False, False, True, False, False]
    assert [draft.availability for draft in found] == [
        Availability.AVAILABLE, Availability.ON_LEAVE, None, Availability.ON_LEAVE, Availability.AVAILABLE,
    ]  # fmt: skip


def test_somebody_on_leave_is_active_and_away_until_a_date_where_there_is_one() -> None:
    known = row("status,return date", "On leave,2026-09-01")
    unknown = row("status,return date", "Sabbatical,-")
    here = row("status,return date", "Active,2026-09-01")

    assert (known.leaver, known.availability, known.available_from) == (False, "on_leave", date(2026, 9, 1))
    assert (unknown.availability, unknown.available_from) == ("on_leave", None)
    assert (here.availability, here.available_from) == ("available", None)


def test_an_export_without_a_status_says_nothing_about_leave() -> None:
    [draft] = parsed("id,name,email\n1,A A,a@x.example\n").drafts
    assert draft.availability is None


@pytest.mark.parametrize("cell", ["0000-00-00", "00.00.0000", "N/A", "-", "#N/A", "1900-01-00", "1900-01-01", "never"])
def test_a_mark_for_no_date_makes_nobody_a_leaver(cell: str) -> None:
    draft = row("hire date,termination date", f"2020-01-01,{cell}")
    assert (draft.leaver, draft.rejected, draft.hired_on) == (False, False, date(2020, 1, 1))


def test_an_end_before_the_start_leaves_the_person_here_and_an_end_after_it_does_not() -> None:
    assert not row("hire date,termination date", "2025-02-01,2021-05-31").leaver
    assert row("hire date,termination date", "2019-02-01,2021-05-31").leaver
    assert row("termination date", "2021-05-31").leaver


@pytest.mark.parametrize(
    ("header", "no", "yes"),
    [
        ("Employee Active Status", "No", "Yes"), ("Em atividade", "Não", "Sim"), ("En activité", "Non", "Oui"),
        ("In servizio", "No", "Sì"), ("In dienst", "Nee", "Ja"), ("Zatrudniony", "Nie", "Tak"),
        ("Beschäftigt", "Nein", "Ja"), ("Mitarbeiter aktiv (Ja/Nein)", "Nein", "Ja"),
        ("User Status", "left", "enabled"),
        ("Status (Active/Inactive)", "Inactive", "Active"), ("Left company?", "Yes", "No"), ("Archived", "1", "0"),
        ("Ausgetreten", "ja", "nein"), ("Sorti", "oui", "non"), ("Desligado", "Sim", "Não"),
    ],
)  # fmt: skip
def test_more_headers_of_every_language_say_who_works_here(header: str, no: str, yes: str) -> None:
    assert row(header, no).leaver
    assert not row(header, yes).leaver


@pytest.mark.parametrize(
    "header",
    [
        "Austrittsdatum", "Letzter Arbeitstag", "Date de sortie", "Fecha de baja", "Fecha de cese", "Data cessazione",
        "Datum uit dienst", "Data zwolnienia", "Data de desligamento", "Last day of work", "Date left",
    ],
)  # fmt: skip
def test_the_end_of_an_employment_is_recognised_in_every_language(header: str) -> None:
    assert row(header, "2025-12-31").leaver
    assert not row(header, "2026-12-31").leaver


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("Zugehörigkeit", ["Ausgeschieden", "Aktiv", "Aktiv"]), ("Lifecycle", ["Active", "Terminated", "Contractor"]),
        ("HR remark (exit)", ["Yes", "No", "No"]), ("Suspended?", ["TRUE", "FALSE", "FALSE"]),
        ("Contract end", ["31.12.2025", "", ""]), ("Kontoaktivität", ["1", "0", "1"]),
    ],
)  # fmt: skip
def test_a_column_that_is_not_used_and_may_say_who_works_here_is_a_note(header: str, cells: list[str]) -> None:
    rows = "".join(f"{number},P {number},p{number}@x.example,{cell}\n" for number, cell in enumerate(cells))
    [note] = parsed(f"id,name,email,{header}\n{rows}").remarks.notes()
    assert (note.line, note.column) == (1, header)
    assert "not used" in note.reason


@examples(60)
@given(
    st.text(min_size=1, max_size=20),
    st.lists(st.sampled_from(sorted(ACTIVE)), max_size=4),
    st.lists(st.sampled_from(sorted(LEFT)), min_size=1, max_size=4),
)
def test_words_for_having_left_count_or_are_a_note_below_any_header(
    header: str, here: list[str], gone: list[str]
) -> None:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["id", "name", "email", header])
    writer.writerows([n, f"P {n}", f"p{n}@x.example", word] for n, word in enumerate([*here, *gone]))
    try:
        found = parsed(file.getvalue().replace("\0", ""))
    except ImportInvalid:
        return
    fields = {name for name, column in found.layout.items() if column.position == 3}
    if clean(header) and not fields - {"status", "active", "inactive", "terminated_on", "available_from"}:
        assert found.remarks.notes() or found.problems or any(draft.leaver for draft in found.drafts)


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("Hobby", ["Left", "Chess", "Golf"]), ("Active projects", ["3", "7", "12"]), ("Remote", ["Yes", "No", "No"]),
        ("Exit interview notes", ["went well", "", ""]), ("Badge", ["A1", "B2", "C3"]), ("Certificate", ["", "", ""]),
    ],
)  # fmt: skip
def test_other_columns_that_are_not_used_are_no_note(header: str, cells: list[str]) -> None:
    rows = "".join(f"{number},P {number},p{number}@x.example,{cell}\n" for number, cell in enumerate(cells))
    assert parsed(f"id,name,email,{header}\n{rows}").remarks.notes() == []


@pytest.mark.parametrize(
    ("codes", "leavers"),
    [("AAT", [2]), ("AIL", [1]), ("PTP", []), ("FFF", []), ("FTP", []), ("TTT", [0, 1, 2]), ("YNY", [1]), ("RTP", [])],
)
def test_one_letter_means_that_somebody_left_only_beside_one_that_means_active(codes: str, leavers: list[int]) -> None:
    """Otherwise it may be the kind of a contract: temporary, full-time."""
    rows = "".join(f"{number},P {number},p{number}@x.example,{code}\n" for number, code in enumerate(codes))
    found = parsed(f"id,name,email,status\n{rows}")
    assert [number for number, draft in enumerate(found.drafts) if draft.leaver] == leavers
