"""Quarters, periods and the moment a recurring program's next cycle starts. Pure: no clock, no database.

A quarterly program starts a cycle on the first Monday of each quarter at nine in the morning, in the program's own
time zone. The quarter a moment falls in depends on that zone too: New Year's Eve in Chicago is January in Tokyo.
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
    """The quarter that an aware moment falls in on the zone's wall clock, such as `2026-Q4`."""
    local = moment.astimezone(ZoneInfo(time_zone))
    return f"{local.year}-Q{_quarter(local.date())}"


def free_period(period: str, taken: Collection[str]) -> str:
    """`period` itself, or with the first free number behind it: `2026-Q4`, `2026-Q4-2`, `2026-Q4-3`."""
    if period not in taken:
        return period
    number = 2
    while f"{period}-{number}" in taken:
        number += 1
    return f"{period}-{number}"


def first_monday(year: int, quarter: int) -> date:
    """The first Monday of a quarter (1 to 4)."""
    first = date(year, QUARTER_MONTHS[quarter - 1], 1)
    return first + timedelta(days=(MONDAY - first.weekday()) % 7)


def next_recurrence(after: datetime, time_zone: str) -> datetime:
    """The first start of a recurring program's cycle that is later than `after`, in the program's zone."""
    local = after.astimezone(ZoneInfo(time_zone))
    start = _start(local.year, _quarter(local.date()), time_zone)
    if start > after:
        return start
    quarter = _quarter(local.date())
    return _start(local.year + quarter // 4, quarter % 4 + 1, time_zone)


def _start(year: int, quarter: int, time_zone: str) -> datetime:
    return datetime.combine(first_monday(year, quarter), time(START_HOUR), ZoneInfo(time_zone))


def _quarter(day: date) -> int:
    return (day.month + 2) // 3
