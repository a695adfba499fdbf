"""docs/languages.md says what the code does: which languages there are, and how things are written in each."""

import re
from datetime import UTC, datetime

from babel import Locale

from shared.language.words import LANGUAGES, words_of
from tests.architecture.documents import TEXTS, section, table_rows

PAGE = "docs/languages.md"
WRITTEN = "## How things are written"
AT = datetime(2027, 3, 5, 16, 0, tzinfo=UTC)


def test_the_page_names_every_language() -> None:
    assert {code for code in LANGUAGES if f"(`{code}`)" in TEXTS[PAGE]} == set(LANGUAGES)


def test_things_are_written_as_the_page_says() -> None:
    words = {Locale(code).get_language_name("en"): words_of(code) for code in LANGUAGES}
    found = re.search(r"^\| what \| (.*) \|$", section(PAGE, WRITTEN), re.MULTILINE)
    assert found is not None
    columns = found[1].split(" | ")
    assert sorted(columns) == sorted(name for name in words if name is not None)
    told = {row[0]: row[1:] for row in table_rows(PAGE, WRITTEN)}
    readers = [words[column] for column in columns]
    assert told["a moment"] == [reader.moment(AT, "America/New_York") for reader in readers]
    assert told["a number"] == [reader.number(1234.5).replace("\u202f", " ") for reader in readers]
    assert told["a list"] == [reader.weekdays([0, 1, 4]) for reader in readers]
