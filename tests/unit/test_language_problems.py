"""What is wrong with an imported file or row: a code with arguments, which has a sentence in every language."""

import re

import pytest

from services.console.admin.people.imports.view import Problem as ShownProblem
from services.console.admin.people.imports.view import placed
from services.intake.importing.problems import Problem
from shared.contracts.imports import ProblemCode
from shared.language.problems import IN_MAPPING, SENTENCES, in_english, sentence
from shared.language.words import ENGLISH, LANGUAGES, words_of

VALUES: dict[str, int | str] = {
    "line": 1234,
    "most": 100_000,
    "wrong": 3,
    "matched": 5,
    "count": 2,
    "rows": 7,
    "first": "1920",
    "last": "2200",
    "encoding": "cp1250",
    "person": "p-1",
    "other": "p-2",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_has_a_sentence_of_its_own(language: str) -> None:
    told = {code: sentence(code, VALUES, words_of(language)) for code in ProblemCode}
    assert [code for code, text in told.items() if not text.endswith(".") or "%" in text] == []
    assert len(set(told.values())) == len(ProblemCode)
    if language != ENGLISH:
        assert [code for code in ProblemCode if told[code] == sentence(code, VALUES, words_of(ENGLISH))] == []


def test_a_page_names_no_part_of_the_mapping_and_the_api_names_it() -> None:
    assert [code for code, text in SENTENCES.items() if re.search(r"\[\w+\]", text)] == []
    assert all(in_english(ProblemCode(code), VALUES) for code in ProblemCode)
    assert "[table] sheet" in in_english(ProblemCode.SHEET_MISSING, {})
    assert IN_MAPPING.keys() <= SENTENCES.keys()


def test_a_note_says_how_many_rows_it_is_about() -> None:
    one = Problem.of(3, "Start", ProblemCode.SERIAL_DATE, rows=1)
    assert one.reason.endswith("starts in 1900. It concerns 1 row.")
    assert sentence(one.code, one.arguments, words_of("en")).endswith("starts in 1900."), "the line stands beside it"
    assert sentence(one.code, {"rows": 1200}, words_of("de")).endswith("Das betrifft 1.200 Zeilen.")


def test_a_code_that_a_newer_process_has_made_is_told_as_the_api_tells_it() -> None:
    newer = ShownProblem(line=2, column="Wer", reason="It rains.", code="it_rains")
    assert (newer.told(words_of("fr")), placed(newer, words_of("fr"))) == ("", "Wer : It rains.")
    assert ShownProblem.model_validate(Problem.of(1, "Wer", ProblemCode.NAME_MISSING).model_dump()).told(
        words_of("es")
    ) == ("Falta el nombre.")
