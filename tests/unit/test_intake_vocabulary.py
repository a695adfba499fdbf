"""The import of people and the reader of enrolments understand the same words."""

from datetime import date

import pytest

from services.intake.enrolment_file.cells import parse_languages, parse_role, split
from services.intake.importing.cells import BadCell, parse_language, parse_yes
from services.intake.importing.column_map import ColumnMap
from services.intake.importing.drafts import Draft, parse_people
from services.intake.vocabulary import BLANK, LANGUAGES, LEFT, LEFT_CODES, NO, NOBODY, YES


def only_row(header: str, cell: str) -> Draft:
    text = f"id,name,email,{header}\n1,A A,a@x.example,{cell}\n"
    (draft,) = parse_people(text.encode(), ColumnMap(), date(2026, 4, 1)).drafts
    return draft


@pytest.mark.parametrize("word", sorted(NO))
def test_a_word_for_no_means_no_in_both_files(word: str) -> None:
    assert not parse_yes(word.upper())
    assert only_row("active", word.title()).leaver
    assert parse_role(word, {}) is None


@pytest.mark.parametrize("word", sorted(YES))
def test_a_word_for_yes_means_yes_in_both_files(word: str) -> None:
    assert parse_yes(word.title())
    assert not only_row("active", word).leaver


@pytest.mark.parametrize("word", sorted(LEFT | LEFT_CODES))
def test_a_status_says_who_has_left(word: str) -> None:
    assert only_row("status", word.title()).leaver


@pytest.mark.parametrize("mark", sorted(BLANK))
def test_a_mark_for_nothing_says_nothing_in_both_files(mark: str) -> None:
    assert only_row("manager", mark.upper()).managers == {}
    assert split(f"{mark.upper()}; Judo") == ["Judo"]


@pytest.mark.parametrize("words", sorted(NOBODY - BLANK))
def test_a_manager_s_cell_may_say_that_nobody_stands_above(words: str) -> None:
    assert only_row("manager", words.title()).managers == {}


@pytest.mark.parametrize(("name", "code"), sorted(LANGUAGES.items()))
def test_a_language_has_the_same_names_in_both_files(name: str, code: str) -> None:
    assert parse_language(name.title()) == code
    assert parse_languages(f"{name} (C1)", {}) == [code]


def test_what_is_neither_yes_nor_no_is_not_guessed() -> None:
    with pytest.raises(BadCell, match="neither yes nor no"):
        parse_yes("perhaps")
