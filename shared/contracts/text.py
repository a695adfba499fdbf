"""Characters that nobody sees: controls, and what Unicode calls default-ignorable, such as U+202E, which turns the
direction of what follows. They make a text look like another one, or hide a part of it.

Forms and imports take them away (`without_hidden`), as people paste them without knowing. The API refuses them
(`has_hidden`), as a program that sends them should be mended. Those without which a language or a sign cannot be
written stay where they belong: joiners between letters of scripts that join, and variation selectors behind what they
vary.
"""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

_CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_HALVES = r"\ud800-\udfff"
"""Halves of a surrogate pair: no character at all."""
_IGNORABLE = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    r"\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_JOINERS = r"\u200c\u200d"
_JOINING = r"[\u0590-\u1fff\u2190-\u2bff\u3030-\u303d\ufb50-\ufdff\ufe0f\ufe70-\ufeff\U00010000-\U0001ffff]"
_VARIANTS = r"\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_MISPLACED = (
    rf"(?<!{_JOINING})[{_JOINERS}]|[{_JOINERS}](?!{_JOINING})"
    r"|(?<![\u1800-\u18af])[\u180b-\u180d\u180f]"
    r"|(?<![\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[\ufe00-\ufe0d\U000e0100-\U000e01ef]"
    r"|(?<![0-9#*\u00a9\u00ae\u2000-\u33ff\U0001f000-\U0001ffff])[\ufe0e\ufe0f]"
)
INVISIBLE = re.compile(rf"[{_IGNORABLE}]|{_MISPLACED}")
HIDDEN = re.compile(rf"[{_CONTROLS}{_HALVES}{_IGNORABLE}]|{_MISPLACED}")
SUSPECT = re.compile(rf"[{_IGNORABLE}{_JOINERS}{_VARIANTS}]|\\u")
"""Finds every JSON document that may hold such a text, also as an escape."""

NAME_SPECIALS = re.compile(r'[()<>\[\]:;@\\,"]|=\?|\?=')
"""What could make a name in the header of a mail look like another address. Python's generator loses the quotes of long
names (CVE-2025-1795) and decodes encoded words inside them, so no name there has any of it."""

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that a spreadsheet program takes for a formula. The last four are the wide forms of the first four,
which some programs read alike."""
DIVIDED = re.compile("([;|\t\r\n] *)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])")
"""Where a program may begin another cell within a text, with a formula."""


def has_hidden(text: str) -> bool:
    """Whether the text holds characters that nobody sees. Tabs and line breaks are none."""
    return HIDDEN.search(text) is not None


def has_invisible(text: str) -> bool:
    """Whether the text holds characters that nobody sees, control characters apart."""
    return INVISIBLE.search(text) is not None


def without_hidden(text: str) -> str:
    """The text as it is seen."""
    return HIDDEN.sub("", text)


def without_invisible(text: str) -> str:
    """The text without what is not seen, but with its control characters, which are told to whoever sent them."""
    return INVISIBLE.sub("", text)


def no_formula(text: str) -> str:
    """The text as a cell of a CSV file that no spreadsheet program runs, as it would run what somebody wrote into a
    name: an apostrophe stands before what begins like a formula. In many countries the programs divide cells at
    semicolons, and then pay no heed to quotation marks within a line. So what would begin a cell there has one too."""
    text = DIVIDED.sub(r"\1'", text)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def clean_text(value: str) -> str:
    """The text without space around it. Raises ValueError for a text that is empty or is not one line.

    Postgres refuses the NUL character, and a line break in a name would get into the header of a message.
    """
    value = value.strip()
    categories = [unicodedata.category(character) for character in value]
    if any(category in ("Cc", "Cs", "Zl", "Zp") for category in categories) or has_hidden(value):
        raise ValueError("control characters, line breaks and characters that nobody sees are not allowed")
    if all(category[0] in "CZ" for category in categories):
        raise ValueError("must not be empty")
    return value


Name = Annotated[str, StringConstraints(min_length=1, max_length=120), AfterValidator(clean_text)]
"""The name of something that people made, such as an organization or a program."""
