"""Characters that nobody sees are found, and taken away, and what languages need stays."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.text import has_hidden, without_hidden
from tests.unit.properties import examples

NEEDED = (
    "نی\u200cما", "क्\u200dष", "👩\u200d💻", "👩🏽\u200d🚀", "❤\ufe0f\u200d🔥", "1\ufe0f\u20e3", "葛\U000e0100城",
    "a\tb\nc", "Ñ", "한글", "日本",
)  # fmt: skip


def test_no_format_or_control_character_stays_in_a_latin_text() -> None:
    """But for the signs of a few scripts, which stand before numbers and are seen."""
    seen = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    seen |= set(range(0x13430, 0x13440))
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        if unicodedata.category(character) in ("Cf", "Cc", "Cs") and number not in seen | {9, 10, 13}:
            assert has_hidden(f"a{character}b"), hex(number)
            assert without_hidden(f"a{character}b") == "ab"


@pytest.mark.parametrize("text", NEEDED)
def test_what_is_needed_stays(text: str) -> None:
    assert not has_hidden(text)
    assert without_hidden(text) == text


@examples(200)
@given(text=st.text())
def test_what_is_left_is_what_is_seen(text: str) -> None:
    left = without_hidden(text)
    assert len(left) <= len(text)
    assert not {"\u202e", "\u2066", "\u200b", "\0"} & set(left)
    assert has_hidden(text) or left == text
