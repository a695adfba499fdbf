"""What the cells of an enrolments file mean: roles, topics with levels, capacities, languages and meeting windows.

A parser raises `BadCell` for a cell that it cannot read. Its text is a sentence, which says what could be written and
never repeats the cell.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from services.intake.importing.cells import BadCell, clean, is_blank, parse_language, plain
from services.intake.vocabulary import ANY_TIME, BOTH, DAYS, DECLINED, FILLERS, HALVES, LEVELS, MENTEE, MENTOR
from shared.contracts.intake import EnrolmentRole, MeetingWindow, TeachingLevel

MOST_PLACES = 50
LONGEST_ENTRY = 200
NO_WINDOW = "This cell is not a meeting window; write mon-am, mon-pm, tue-am … fri-pm, with ; between them."
WORK_WEEK = ("mon", "tue", "wed", "thu", "fri")


class Skill(NamedTuple):
    label: str
    level: TeachingLevel | None
    """None if the cell says nothing about it."""


def split(cell: str) -> list[str]:
    """The entries of a list. Semicolons, vertical bars and line breaks separate them, or else commas."""
    parts = re.split(r"[;|\n\r•]", cell)
    if len(parts) == 1:
        parts = _outside_brackets(cell)
    return [part for part in map(clean, parts) if not is_blank(part)]


def parse_role(cell: str, named: Mapping[str, str]) -> EnrolmentRole | None:
    """The role, or None for somebody who does not take part.

    `named` has further cells with their roles. Raises BadCell.
    """
    if word := named.get(cell.casefold()):
        return None if word == "none" else EnrolmentRole(word)
    words = set(_words(re.sub(r"(?<=\w)[:*_/]-?in(nen)?\b", "", cell.casefold())))
    if plain(cell) in DECLINED:
        return None
    mentor, mentee = bool(words & MENTOR), bool(words & MENTEE)
    if words & BOTH or (mentor and mentee):
        return EnrolmentRole.BOTH
    if mentor or mentee:
        return EnrolmentRole.MENTOR if mentor else EnrolmentRole.MENTEE
    raise BadCell("This cell is not a role; write mentor, mentee, both or none, or add it to [enrolments.roles].")


def parse_skill(entry: str, named: Mapping[str, str], is_topic: bool) -> Skill:
    """The topic and level of `Generative AI:expert`, `Generative AI = 3` or `Generative AI (good)`.

    `is_topic` says that the whole entry is known to be a topic. `named` has further words with their levels. Raises
    BadCell.
    """
    if is_topic:
        return Skill(entry, None)
    if found := re.fullmatch(r"(.+?)\s*[(\[]([^()\[\]]+)[)\]]", entry):
        level = _level(found[2], named)
        return Skill(entry, None) if level is None else Skill(found[1], level)
    if found := re.fullmatch(r"(.+?)\s*[:=]\s*([^:=]+)", entry):
        level = _level(found[2], named)
        if level is None:
            raise BadCell(
                "A topic has a level that is not known; write basics, good or expert (or 1, 2, 3) behind the colon, "
                "or add the word to [enrolments.levels]."
            )
        return Skill(found[1], level)
    return Skill(entry, None)


def parse_places(cell: str) -> int:
    """A whole number from 1 to MOST_PLACES, written as `2`, `2.0` or `up to 2`. Raises BadCell."""
    numbers = re.findall(r"\d+", re.sub(r"[.,]0+\b", "", cell))
    if len(numbers) != 1 or len(numbers[0]) > 4 or "-" in cell or not 1 <= int(numbers[0]) <= MOST_PLACES:
        raise BadCell(f"This cell is not a capacity; write a whole number from 1 to {MOST_PLACES}.")
    return int(numbers[0])


def parse_languages(cell: str, named: Mapping[str, str]) -> list[str]:
    """The codes of the languages, each once. `German (native)` is `de`. Raises BadCell."""
    entries = (part for entry in split(cell) for part in re.split(r"[,/&+]| and | und | et ", entry))
    bare = (clean(re.sub(r"\([^()]*\)", "", entry)) for entry in entries)
    return list(dict.fromkeys(parse_language(entry, named) for entry in bare if entry))


def parse_windows(cell: str) -> list[MeetingWindow]:
    """The half days of `mon-am; tue-pm`, `Monday morning`, `Mo vormittags`, `Mon-Wed` or `afternoons`.

    Raises BadCell.
    """
    found: dict[MeetingWindow, None] = {}
    for entry in split(cell):
        days, halves = _days_and_halves(entry)
        for day in days or WORK_WEEK:
            for half in halves or ("am", "pm"):
                found[MeetingWindow(f"{day}-{half}")] = None
    return [window for window in MeetingWindow if window in found]


def _days_and_halves(entry: str) -> tuple[list[str], list[str]]:
    """The days and halves that one entry names. No days means all days, and no halves means both. Raises BadCell."""
    if len(entry) > LONGEST_ENTRY:
        raise BadCell(NO_WINDOW)
    text = re.sub(r"\b([ap])\.? ?m\b\.?", r"\1m", plain(entry))
    days: list[str] = []
    for first, last in _ranges(text):
        days += WORK_WEEK[WORK_WEEK.index(first) : WORK_WEEK.index(last) + 1]
    words = _words(text)
    days += [DAYS[word] for word in words if word in DAYS]
    halves = [HALVES[word] for word in words if word in HALVES]
    known = DAYS.keys() | HALVES.keys() | ANY_TIME | FILLERS
    alone = not days and halves and not any(len(word) > 2 for word in words if word in HALVES)
    if set(words) - known or not (days or halves or ANY_TIME & set(words)) or alone:
        raise BadCell(NO_WINDOW)
    return days, halves


def _ranges(text: str) -> Iterator[tuple[str, str]]:
    """The first and the last day of each range, such as `Mon-Wed` or `Monday to Friday`."""
    for found in re.finditer(r"([a-z]+)\.?\s*(?:-|–|\bto\b|\bbis\b)\s*([a-z]+)", text):
        if found[1] in DAYS and found[2] in DAYS:
            yield DAYS[found[1]], DAYS[found[2]]


def _level(word: str, named: Mapping[str, str]) -> TeachingLevel | None:
    if given := named.get(clean(word).casefold()):
        return TeachingLevel[given.upper()]
    return LEVELS.get(plain(word).replace(" ", "-"))


def _outside_brackets(cell: str) -> list[str]:
    return re.split(r",(?![^()]*\))", cell)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", plain(text))
