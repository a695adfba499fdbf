"""Quarters, periods and first Mondays."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.programs.rules.calendar import first_monday, free_period, next_recurrence, next_recurrences, period_of
from tests.unit.properties import moments


@pytest.mark.parametrize(
    ("moment", "zone", "period"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "UTC", "2026-Q1"),
        (datetime(2026, 3, 31, 23, 59, tzinfo=UTC), "UTC", "2026-Q1"),
        (datetime(2026, 4, 1, tzinfo=UTC), "UTC", "2026-Q2"),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "UTC", "2026-Q4"),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "Asia/Tokyo", "2027-Q1"),
        (datetime(2027, 1, 1, 3, 0, tzinfo=UTC), "America/Chicago", "2026-Q4"),
    ],
)
def test_a_period_is_the_quarter_on_the_programs_own_wall_clock(moment: datetime, zone: str, period: str) -> None:
    assert period_of(moment, zone) == period


def test_the_period_follows_daylight_saving_time() -> None:
    """Berlin is two hours ahead of UTC in summer: its third quarter begins at 22:00 UTC of 30 June."""
    assert period_of(datetime(2026, 6, 30, 21, 59, tzinfo=UTC), "Europe/Berlin") == "2026-Q2"
    assert period_of(datetime(2026, 6, 30, 22, 0, tzinfo=UTC), "Europe/Berlin") == "2026-Q3"


def test_a_taken_period_gets_the_first_free_number() -> None:
    assert free_period("2026-Q4", set()) == "2026-Q4"
    assert free_period("2026-Q4", {"2026-Q4"}) == "2026-Q4-2"
    assert free_period("2026-Q4", {"2026-Q4", "2026-Q4-2", "2026-Q4-4"}) == "2026-Q4-3"
    assert free_period("2026-Q4", {"2026-Q3"}) == "2026-Q4"


@pytest.mark.parametrize(
    ("year", "quarter", "day"),
    [
        (2026, 1, date(2026, 1, 5)),
        (2026, 4, date(2026, 10, 5)),
        (2024, 1, date(2024, 1, 1)),
        (2030, 3, date(2030, 7, 1)),
    ],
)
def test_the_first_monday_of_a_quarter(year: int, quarter: int, day: date) -> None:
    assert first_monday(year, quarter) == day


@given(st.integers(1, 9998), st.integers(1, 4))
def test_the_first_monday_is_a_monday_among_the_first_seven_days(year: int, quarter: int) -> None:
    day = first_monday(year, quarter)
    assert (day.weekday(), day.year, day.month) == (0, year, 3 * quarter - 2)
    assert 1 <= day.day <= 7


def test_a_recurrence_keeps_its_local_hour_across_daylight_saving_time() -> None:
    winter = next_recurrence(datetime(2025, 12, 31, 12, tzinfo=UTC), "Europe/Berlin")
    summer = next_recurrence(winter, "Europe/Berlin")
    assert winter.astimezone(UTC) == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert summer.astimezone(UTC) == datetime(2026, 4, 6, 7, tzinfo=UTC)


def test_after_the_last_start_of_a_year_the_next_one_is_in_the_new_year() -> None:
    assert next_recurrence(datetime(2026, 10, 5, 9, tzinfo=UTC), "UTC") == datetime(2027, 1, 4, 9, tzinfo=UTC)
    assert next_recurrence(datetime(2026, 10, 5, 8, 59, tzinfo=UTC), "UTC") == datetime(2026, 10, 5, 9, tzinfo=UTC)


@given(
    moments(date(1990, 1, 1), date(2090, 1, 1)),
    st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Kiritimati"]),
)
def test_the_next_recurrence_is_later_and_less_than_a_hundred_days_away(moment: datetime, zone: str) -> None:
    found = next_recurrence(moment, zone)
    assert timedelta(0) < found.astimezone(UTC) - moment < timedelta(days=100)
    assert (found.hour, found.weekday()) == (9, 0)


def test_the_next_four_recurrences_follow_each_other_over_the_end_of_a_year() -> None:
    found = next_recurrences(datetime(2026, 8, 1, tzinfo=UTC), "UTC", 4)
    days = [(2026, 10, 5), (2027, 1, 4), (2027, 4, 5), (2027, 7, 5)]
    assert list(found) == [datetime(*day, 9, tzinfo=UTC) for day in days]
