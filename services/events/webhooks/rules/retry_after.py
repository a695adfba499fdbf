"""The Retry-After header of an answer: seconds, or a date in one of three forms (RFC 9110, 10.2.3 and 5.6.7). Pure.

All forms are read that a recipient must read: a number of any length, the present form of dates, and the two obsolete
ones. A date with an offset or without its day of the week is no HTTP-date, but says clearly what is meant, so it is
read too.
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

SECONDS = re.compile(r"0*([0-9]+)")
MOST_DIGITS = 13
"""A number with more digits is more seconds than a `timedelta` holds, which is 2.7 million years."""
LONGEST_DATE = 100
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH, TIME = rf"(?P<month>{'|'.join(MONTHS)})", r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
DATES = tuple(
    re.compile(form, re.IGNORECASE | re.ASCII)
    for form in (
        rf"(?:mon|tue|wed|thu|fri|sat|sun), (?P<day>[0-9]{{2}}) {MONTH} (?P<year>[0-9]{{4}}) {TIME} GMT",
        rf"(?:mon|tues|wednes|thurs|fri|satur|sun)day, (?P<day>[0-9]{{2}})-{MONTH}-(?P<year>[0-9]{{2}}) {TIME} GMT",
        rf"(?:mon|tue|wed|thu|fri|sat|sun) {MONTH} (?P<day>[0-9]{{2}}| [0-9]) {TIME} (?P<year>[0-9]{{4}})",
    )
)
FUTURE_YEARS = 50
"""A date whose year has two digits lies at most so many years ahead; otherwise its year is the last past one that ends
with these digits."""


def parse_retry_after(text: str, now: datetime) -> timedelta | None:
    """How long an answer asks to wait. None for a date in the past and for what is neither a number nor a date. A
    number that is too large for a `timedelta` gives the largest one. `now` is in UTC."""
    if seconds := SECONDS.fullmatch(text):
        return timedelta(seconds=int(seconds[1])) if len(seconds[1]) <= MOST_DIGITS else timedelta.max
    if len(text) > LONGEST_DATE:
        return None
    wait = _until_http_date(text, now) or _until_other_date(text, now)
    return wait if wait is not None and wait > timedelta(0) else None


def _until_http_date(text: str, now: datetime) -> timedelta | None:
    """The time until an HTTP-date, which may be negative; None for any other text and for a day that does not exist."""
    found = next((date for form in DATES if (date := form.fullmatch(text))), None)
    if found is None:
        return None
    month, day = MONTHS.index(found["month"].lower()) + 1, int(found["day"])
    clock = int(found["hour"]), int(found["minute"]), int(found["second"])
    year = int(found["year"])
    years = [year]
    if len(found["year"]) == 2:
        year += now.year // 100 * 100
        latest = now.year + FUTURE_YEARS, *now.timetuple()[1:6]
        years = [one for one in (year + 100, year, year - 100) if (one, month, day, *clock) <= latest]
    for one in years:
        try:
            # A leap second, 60, is the second after 59.
            minute = datetime(one, month, day, clock[0], clock[1], tzinfo=UTC)
        except ValueError:
            continue
        return minute - now + timedelta(seconds=clock[2]) if clock[2] <= 60 else None
    return None


def _until_other_date(text: str, now: datetime) -> timedelta | None:
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)) - now
