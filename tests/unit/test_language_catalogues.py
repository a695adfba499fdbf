"""Every sentence is translated into every language, and nothing that is translated is not used any more."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message

from shared.language.words import ENGLISH, FOLDER, LANGUAGES
from upward.translations import ROOT, catalogue_text, find_sentences, missing, read_catalogue, update_catalogue

HOW = "run `python -m upward translations` and translate what it names (CONTRIBUTING.md, A language)"
OTHERS = [language for language in LANGUAGES if language != ENGLISH]
PLACE = re.compile(r"%\((\w+)\)s")
IN_MARKUP = re.compile(r'[<>&"]')


@pytest.fixture(scope="module")
def sentences() -> Catalog:
    return find_sentences()


def texts(found: object) -> tuple[str, ...]:
    return tuple(str(text) for text in found) if isinstance(found, tuple | list) else (str(found),)


def entries(catalogue: Catalog) -> dict[tuple[object, object], Message]:
    return {(message.id, message.context): message for message in catalogue if message.id}


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated_and_none_is_left_over(language: str, sentences: Catalog) -> None:
    catalogue = read_catalogue(language)
    assert entries(catalogue).keys() == entries(sentences).keys(), HOW
    assert [message.id for message in missing(catalogue)] == [], HOW


@pytest.mark.parametrize("language", OTHERS)
def test_a_file_is_written_as_the_command_writes_it(language: str, sentences: Catalog, tmp_path: Path) -> None:
    (tmp_path / f"{language}.po").write_bytes((FOLDER / f"{language}.po").read_bytes())
    update_catalogue(language, sentences, tmp_path)
    assert (tmp_path / f"{language}.po").read_text() == (FOLDER / f"{language}.po").read_text(), HOW


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_places_for_values_that_its_sentence_has(language: str) -> None:
    for message in entries(read_catalogue(language)).values():
        wanted = {tuple(sorted(PLACE.findall(text))) for text in texts(message.id)}
        for text in texts(message.string):
            assert tuple(sorted(PLACE.findall(text))) in wanted, text
            assert "%" not in PLACE.sub("", text), text


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_holds_markup_because_it_is_not_escaped(language: str) -> None:
    for message in entries(read_catalogue(language)).values():
        for text in (*texts(message.id), *texts(message.string)):
            assert not IN_MARKUP.search(text), text
            assert text == text.strip(), text


def test_a_new_language_begins_with_every_sentence_and_no_translation(sentences: Catalog, tmp_path: Path) -> None:
    count, left = update_catalogue("it", sentences, tmp_path)
    assert count == left == len(sentences) > 300
    catalogue = read_catalogue("it", tmp_path)
    assert catalogue_text(catalogue) == (tmp_path / "it.po").read_text()
    assert entries(catalogue).keys() == entries(sentences).keys()


def test_what_is_found_comes_from_templates_and_modules(tmp_path: Path) -> None:
    templates = tmp_path / "services" / "one" / "templates"
    templates.mkdir(parents=True)
    (templates / "page.html").write_text(
        "{% trans count=n %}{{ count }} pair{% pluralize %}{{ count }} pairs{% endtrans %}"
        "{% trans name=x.name %}Hello\n  {{ name }}{% endtrans %}{{ _('Yes') }}"
    )
    (tmp_path / "services" / "one" / "words.py").write_text(
        'A = translatable("Open")\nB = words.pgettext("door", "Open", x=1)\nC = words.ngettext("a", "b", 2)\n'
    )
    found = find_sentences(tmp_path)
    assert {(message.id, message.context) for message in found if message.id} == {
        (("%(count)s pair", "%(count)s pairs"), None),
        ("Hello %(name)s", None),
        ("Yes", None),
        ("Open", None),
        ("Open", "door"),
        (("a", "b"), None),
    }


COUNTED = re.compile(r"{%-?\s*trans\s+(\w+)\s*=\s*([^%]*?)-?%}(?:(?!endtrans).)*?{%-?\s*pluralize\s*-?%}", re.DOTALL)


def test_the_number_that_decides_the_form_of_a_sentence_is_no_text() -> None:
    """Jinja takes the first value of a sentence for that number, and only languages with a catalogue refuse a text."""
    templates = (path for path in (ROOT / "services").rglob("*") if path.suffix in (".html", ".j2"))
    wrong = [
        f"{path.name}: {found[1]}"
        for path in templates
        for found in COUNTED.finditer(path.read_text(encoding="utf-8"))
        if found[2].startswith("words.")
    ]
    assert wrong == []
