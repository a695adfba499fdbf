"""Whether somebody works here, is away or has left, by the words of an export.

A status counts as a whole: `Active; left-handed desk` says nothing about having left. A word that is not known says
nothing, and the admin is told so.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

from services.intake.importing.cells import plain
from services.intake.vocabulary import ACTIVE, AWAY, LEFT, LEFT_CODES, NO, QUALIFIERS, YES

LONGEST = 100
"""A longer text is no status but a remark."""
ENDINGS = re.compile(r"(?<=\w)\s?[(/·*:_.]-?(?:a|as|e|es|er|r|s|n|in|innen|ne|ka)\)?(?!\w)")
"""The second gender that some languages write behind a word, such as `licencié(e)` or `Ausgeschiedene/r`."""
SEPARATORS = (re.compile(r"\s[-–—]\s|[/:;,|()\[\]]"), re.compile(r"[-–—/:;,|()\[\]]"))
"""First a hyphen between spaces, as in `Active - Full-time`, and then any hyphen."""


class Standing(StrEnum):
    ACTIVE = "active"
    AWAY = "away"
    LEFT = "left"


def standing_of(cell: str) -> Standing | None:
    """What a status says. None if it is not known, or says two things that do not go together."""
    if len(cell) > LONGEST:
        return None
    text = ENDINGS.sub("", plain(cell).replace("ł", "l"))
    if (whole := _of_phrase(text)) is not None:
        return whole
    for separator in SEPARATORS:
        parts = {_of_phrase(part) for part in separator.split(text) if part.strip()}
        if None not in parts and not {Standing.ACTIVE, Standing.LEFT} <= parts:
            return next((found for found in (Standing.AWAY, Standing.LEFT, Standing.ACTIVE) if found in parts), None)
    return None


def standing_of_flag(cell: str) -> Standing | None:
    """What the cell of a column such as `Active?` says. None if it is not known."""
    word = plain(cell)
    if word in YES | NO:
        return Standing.ACTIVE if word in YES else Standing.LEFT
    return standing_of(cell)


def standing_of_leaving_flag(cell: str) -> Standing | None:
    """What the cell of a column such as `Inactive?` says, where yes means that somebody has left."""
    word = plain(cell)
    if word in YES | NO:
        return Standing.LEFT if word in YES else Standing.ACTIVE
    return standing_of(cell)


def is_yes_or_no(cell: str) -> bool:
    return plain(cell) in YES | NO


def unclear_codes(cells: Iterable[str], *, only_flags: bool) -> frozenset[str]:
    """The one-letter codes of a status column that may as well be kinds of contracts, in which T is temporary and F is
    full-time: none of them says that somebody is active, or that the answer is yes."""
    words = {plain(cell) for cell in cells}
    letters = frozenset(word for word in words if len(word) == 1)
    if only_flags:
        return letters if letters == words and not letters & YES else frozenset()
    return letters if "a" not in letters and letters - LEFT_CODES else frozenset()


def _of_phrase(text: str) -> Standing | None:
    words = re.findall(r"\w+", text)
    for phrase in (" ".join(words), " ".join(word for word in words if word not in QUALIFIERS)):
        if phrase in LEFT or phrase in LEFT_CODES:
            return Standing.LEFT
        if phrase in AWAY:
            return Standing.AWAY
        if phrase in ACTIVE:
            return Standing.ACTIVE
    return None
