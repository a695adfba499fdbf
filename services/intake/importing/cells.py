"""What one cell of a file means: dates, levels, addresses, time zones, languages, yes and no, in their usual forms.

A parser raises `BadCell` for a cell that it cannot read. Its text is shown to the admin and never repeats the cell.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import available_timezones

import idna

from services.intake.vocabulary import BLANK, LANGUAGES, NO, NO_DATE, YES
from shared.contracts.imports import ProblemCode
from shared.contracts.text import without_invisible
from shared.language.problems import in_english

ISO_DATE = re.compile(r"^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[T ]+\d{1,2}:\d{2}.*)?$")
COMPACT_DATE = re.compile(r"^((?:19|20)\d{2})(\d{2})(\d{2})$")
NUMERIC_DATE = re.compile(r"^(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?:[T ]+\d{1,2}:\d{2}.*)?$")
DAY_MONTH_NAME = re.compile(r"^(\d{1,2})[-. ]+([A-Za-z]{3,9})[-., ]+(\d{4}|\d{2})$")
MONTH_NAME_DAY = re.compile(r"^([A-Za-z]{3,9})[. ]+(\d{1,2})[, ]+(\d{4})$")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LEVEL = re.compile(r"^(?:(?:l|level|grade)[ -]?)?(\d{1,3})(?:\.0+)?$", re.IGNORECASE)
LANGUAGE = re.compile(r"^([a-z]{2,3})(?:[-_][a-z0-9]{2,8})*$", re.IGNORECASE)
EMAIL = re.compile(
    r"^(?=.{3,254}$)(?=[^@]{1,64}@)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$"
)
INVISIBLE = dict.fromkeys(
    map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")
)
LONGEST_CELL = 2_000
"""The most characters of a cell that is used, so that no expression is tried on a whole file."""
TEXT_FORMULA = re.compile(r'^=\s*"((?:[^"]|"")*)"$')
APOSTROPHE = re.compile(r"^'(?![tsnkd][\s-])", re.IGNORECASE)
"""The mark of a text, but not the beginning of `'t Hooft`."""
DECIMAL_ID = re.compile(r"^(\d+)[.,]0{1,2}$")
SHORTENED = re.compile(r"^[+-]?\d(?:[.,]\d+)?E\+\d{1,3}$", re.IGNORECASE)
ERROR = re.compile(r"^#(?:N/A|N/D|N/V|NV|NA|GETTING_DATA|#+|[\w/.¡]{2,14}[!?])(?: N/A)?$", re.IGNORECASE)
SERIAL_DATE = re.compile(r"^(\d{5})(?:[.,]\d{1,12})?$")
SERIAL_DAYS = range(18_264, 73_051)
"""The serial numbers of the days from 1950 to 2099, in the calendar that starts in 1900."""
ZERO_DATE = re.compile(r"^(?:[0\s./:TZ-]+|1900-01-00.*|0?[01]/0/1900.*|00?-jan-(?:19)?00.*)$", re.IGNORECASE)


class BadCell(ValueError):
    """A cell that cannot be used. The text is a sentence: why, and what could be written instead."""

    def __init__(self, text: str, code: ProblemCode = ProblemCode.CELL_UNREADABLE) -> None:
        super().__init__(text)
        self.code = code


def _bad(code: ProblemCode) -> BadCell:
    return BadCell(in_english(code, {}), code)


class DateOrder(StrEnum):
    """How `7/5/2011` and `07-05-2011` are read.

    `auto` decides by the other dates of the file, else takes the month first.
    """

    AUTO = "auto"
    MONTH_FIRST = "month-first"
    DAY_FIRST = "day-first"


def clean(text: str) -> str:
    """The cell without unnecessary spaces, invisible characters and line breaks, in composed Unicode (NFC)."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", without_invisible(text).translate(INVISIBLE))
    text = " ".join(text.split())
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text).strip()


def unmark(cell: str) -> str:
    """The clean cell without the marks by which spreadsheets keep a text as it is: `="00017"` and `'00017`."""
    if found := TEXT_FORMULA.match(cell):
        cell = found[1].replace('""', '"').strip()
    return APOSTROPHE.sub("", cell)


def is_error(cell: str) -> bool:
    """Whether the cell holds the error of a formula, such as `#N/A` or `#REF!`, or the `####` of a narrow column."""
    return cell.startswith("#") and ERROR.match(cell) is not None


def is_shortened(cell: str) -> bool:
    """Whether a spreadsheet has rewritten a long number as `1.23457E+11`, so that digits are lost."""
    return SHORTENED.match(cell) is not None


def is_no_date(cell: str) -> bool:
    """Whether the cell of a date's column says that there is no date, as `0000-00-00`, `N/A` and `-` do."""
    return is_blank(cell) or ZERO_DATE.match(cell) is not None or plain(cell) in NO_DATE


def serial_date(cell: str) -> date | None:
    """The day of a serial number of a spreadsheet, such as 40729. None for anything else."""
    found = SERIAL_DATE.match(cell)
    return date(1899, 12, 30) + timedelta(days=int(found[1])) if found and int(found[1]) in SERIAL_DAYS else None


def plain(text: str) -> str:
    """The text in lower case and without accents, as words are compared."""
    decomposed = unicodedata.normalize("NFKD", clean(text).casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def is_blank(cell: str) -> bool:
    """Whether the cell is empty, or holds one of the marks that say nothing, such as `n/a`."""
    return not cell or cell.casefold() in BLANK


def order_of_dates(cells: Iterable[str]) -> DateOrder:
    """Day first if at least one date can only be read like that, and none can only be read with the month first."""
    day_first = month_first = False
    for cell in cells:
        if (found := NUMERIC_DATE.match(cell)) and found[2] != ".":
            day_first = day_first or int(found[1]) > 12
            month_first = month_first or int(found[3]) > 12
    return DateOrder.DAY_FIRST if day_first and not month_first else DateOrder.MONTH_FIRST


def parse_date(cell: str, order: DateOrder, today: date) -> date:
    """`2011-07-05`, `7/5/2011`, `07-05-2011`, `05.07.2011`, `5 Jul 2011`, `Jul 5, 2011`, or the number 40729 of that
    day. Raises BadCell."""
    if (serial := serial_date(cell)) is not None:
        return serial
    if found := ISO_DATE.match(cell):
        return _date(found[1], found[3], found[4], today)
    if found := COMPACT_DATE.match(cell):
        return _date(found[1], found[2], found[3], today)
    if found := NUMERIC_DATE.match(cell):
        day_first = found[2] == "." or order is DateOrder.DAY_FIRST
        day, month = (found[1], found[3]) if day_first else (found[3], found[1])
        return _date(found[4], month, day, today)
    if found := DAY_MONTH_NAME.match(cell):
        return _date(found[3], _month(found[2]), found[1], today)
    if found := MONTH_NAME_DAY.match(cell):
        return _date(found[3], _month(found[1]), found[2], today)
    raise _bad(ProblemCode.NOT_A_DATE)


def _month(name: str) -> str:
    short = name[:3].lower()
    if short not in MONTHS:
        raise _bad(ProblemCode.NOT_A_DATE)
    return str(MONTHS.index(short) + 1)


def _date(year: str, month: str, day: str, today: date) -> date:
    number = int(year)
    if len(year) == 2:
        number += 2000 if number <= today.year % 100 + 1 else 1900
    try:
        return date(number, int(month), int(day))
    except ValueError:
        raise _bad(ProblemCode.NOT_A_DAY) from None


def parse_level(cell: str) -> int:
    """A whole number from 1 to 100, as `3`, `3.0`, `L3` or `Level 3`. Raises BadCell."""
    found = LEVEL.match(cell)
    if found is None or not 1 <= int(found[1]) <= 100:
        raise _bad(ProblemCode.NOT_A_LEVEL)
    return int(found[1])


def parse_email(cell: str) -> str:
    """The address in lower case, with its domain in ASCII. Raises BadCell."""
    email = fold_email(cell.removeprefix("'"))
    if not EMAIL.match(email):
        raise _bad(ProblemCode.NOT_AN_ADDRESS)
    return email


def fold_email(text: str) -> str:
    """The address in lower case. What cannot be an address stays as it is.

    A domain with other letters than ASCII is written as in the DNS: `xn--bcher-kva.example` for `bücher.example`.
    """
    email = text.strip().lower().removeprefix("mailto:")
    local, at, domain = email.rpartition("@")
    if not at or domain.isascii() or len(domain) > 253:
        return email
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except (idna.IDNAError, UnicodeError):
        return email


def parse_language(cell: str, names: Mapping[str, str] | None = None) -> str:
    """The language of a BCP 47 code (`en-GB` is `en`, because people share the language) or of the name of a language.

    `names` has further names with their codes; the names are in lower case. Raises BadCell.
    """
    folded = cell.casefold()
    folded = (names or {}).get(folded) or LANGUAGES.get(folded) or folded
    found = LANGUAGE.match(folded)
    if found is None:
        raise _bad(ProblemCode.NOT_A_LANGUAGE)
    return found[1].lower()


def parse_time_zone(cell: str, names: Mapping[str, str] | None = None) -> str:
    """The name of an IANA time zone, in any case. `names` has further names, in lower case. Raises BadCell."""
    folded = cell.casefold()
    folded = (names or {}).get(folded, folded).casefold().replace(" ", "_")
    zone = _zones().get(folded)
    if zone is None:
        raise _bad(ProblemCode.NOT_A_TIME_ZONE)
    return zone


def parse_yes(cell: str) -> bool:
    """Whether the cell says yes. Raises BadCell."""
    word = plain(cell)
    if word in YES | NO:
        return word in YES
    raise BadCell("This cell is neither yes nor no.")


def parse_id(cell: str) -> str:
    """The employee id. Spreadsheets turn `17` into `17.0`, which is `17` here too, and keep `'A17` as a text."""
    cell = cell.removeprefix("'")
    found = DECIMAL_ID.match(cell)
    return found[1] if found else cell


@cache
def _zones() -> dict[str, str]:
    return {zone.casefold(): zone for zone in available_timezones() if zone != "localtime"}
