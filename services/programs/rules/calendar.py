"""Quarters, periods, and the moment at which the next cycle of a recurring program starts. Pure.

A quarterly program starts a cycle on the first Monday of each quarter at nine in the morning, in the program's own
time zone. The quarter of a moment depends on that time zone too: on New Year's Eve in Chicago it is January in Tokyo.
"""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

QUARTER_MONTHS = (1, 4, 7, 10)
"""The first month of each quarter."""
START_HOUR = 9
"""The local hour at which a recurring program's cycle starts."""
MONDAY = 0


def period_of(moment: datetime, time_zone: str) -> str:
    """The quarter in which a moment lies by the clocks of the time zone, such as `2026-Q4`. The moment is aware."""
    local = moment.astimezone(ZoneInfo(time_zone))
    return f"{local.year}-Q{_quarter(local.date())}"


def free_period(period: str, taken: Collection[str]) -> str:
    """The first of `2026-Q4`, `2026-Q4-2`, `2026-Q4-3` and so on that is not taken, when the period is `2026-Q4`."""
    if period not in taken:
        return period
    number = 2
    while f"{period}-{number}" in taken:
        number += 1
    return f"{period}-{number}"


def first_monday(year: int, quarter: int) -> date:
    """The first Monday of a quarter. Quarters count from 1 to 4."""
    first = date(year, QUARTER_MONTHS[quarter - 1], 1)
    return first + timedelta(days=(MONDAY - first.weekday()) % 7)


def next_recurrence(after: datetime, time_zone: str) -> datetime:
    """The first moment after `after` at which a recurring program starts a cycle, in the program's time zone."""
    local = after.astimezone(ZoneInfo(time_zone))
    start = _start(local.year, _quarter(local.date()), time_zone)
    if start > after:
        return start
    quarter = _quarter(local.date())
    return _start(local.year + quarter // 4, quarter % 4 + 1, time_zone)


def next_recurrences(after: datetime, time_zone: str, count: int) -> tuple[datetime, ...]:
    """The next `count` moments after `after` at which a recurring program starts a cycle."""
    found: list[datetime] = []
    for _ in range(count):
        found.append(next_recurrence(found[-1] if found else after, time_zone))
    return tuple(found)


def _start(year: int, quarter: int, time_zone: str) -> datetime:
    return datetime.combine(first_monday(year, quarter), time(START_HOUR), ZoneInfo(time_zone))


def _quarter(day: date) -> int:
    return (day.month + 2) // 3
