"""Working days: what begins before a weekend goes on after it, by the local clock."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.programs import LadderPlan, Pause
from shared.contracts.working_days import WorkingDays, ladder_dates
from tests.unit.properties import examples, moments

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BERLIN = "Europe/Berlin"
EASTER = (date(2026, 4, 3), date(2026, 4, 6))
ZONES = ("UTC", BERLIN, "America/New_York", "Asia/Kolkata", "Africa/Cairo", "America/Havana", "Pacific/Apia")
MOMENTS = moments(date(2025, 1, 1), date(2027, 12, 31))
LENGTHS = st.timedeltas(timedelta(0), 40 * DAY)
HOLIDAYS = st.lists(st.dates(date(2025, 1, 1), date(2027, 12, 31)), max_size=8)


def local(month: int, day: int, hour: int, zone: str = BERLIN) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("begin", "length", "end"),
    [
        (local(3, 4, 12), DAY, local(3, 5, 12)),  # in the middle of a week
        (local(3, 6, 17), DAY, local(3, 9, 17)),  # Friday evening
        (local(3, 6, 17), 3 * HOUR, local(3, 6, 20)),  # still on that Friday
        (local(3, 6, 17), 7 * HOUR, local(3, 9, 0)),  # what ends with a Friday comes on Monday
        (local(3, 6, 0), DAY, local(3, 9, 0)),
        (local(3, 7, 0), DAY, local(3, 10, 0)),  # the weekend begins: counted from Monday on
        (local(3, 7, 15), 2 * HOUR, local(3, 9, 2)),
        (local(3, 8, 23), timedelta(0), local(3, 9, 0)),
        (local(3, 4, 12), 5 * DAY, local(3, 11, 12)),  # a working week
        (local(3, 27, 17), DAY, local(3, 30, 17)),  # the clocks change on the Sunday between: the hour stays
        (local(10, 23, 17), DAY, local(10, 26, 17)),
        (local(4, 2, 9), DAY, local(4, 7, 9)),  # Good Friday and Easter Monday
        (local(4, 3, 9), 2 * DAY, local(4, 9, 0)),  # it begins on a holiday
    ],
)
def test_a_length_is_counted_on_working_days(begin: datetime, length: timedelta, end: datetime) -> None:
    assert WorkingDays(BERLIN, EASTER).after(begin, length) == end


def test_the_weekend_is_that_of_the_program_s_time_zone() -> None:
    late = datetime(2026, 3, 6, 23, 30, tzinfo=UTC)  # it is Saturday in Berlin, and still Friday in New York
    assert WorkingDays(BERLIN).after(late, HOUR) == local(3, 9, 1)
    assert WorkingDays("America/New_York").after(late, HOUR) == late + HOUR


def test_a_time_zone_that_is_not_known_counts_as_utc() -> None:
    friday = datetime(2026, 3, 6, 23, tzinfo=UTC)
    assert WorkingDays("Mars/Olympus").after(friday, 2 * HOUR) == friday + 2 * DAY + 2 * HOUR


@examples(60)
@given(MOMENTS, LENGTHS, LENGTHS, st.sampled_from(ZONES), HOLIDAYS)
def test_working_time_adds_up(
    begin: datetime, one: timedelta, two: timedelta, zone: str, holidays: Sequence[date]
) -> None:
    """The end lies on a working day, so much working time lies before it, and two lengths in a row are their sum."""
    days = WorkingDays(zone, holidays)
    end = days.after(begin, one)
    assert end >= begin
    assert end - begin >= one
    assert days.includes(end.astimezone(ZoneInfo(zone)).date())
    assert days.between(begin, end) == one
    assert days.after(end, two) == days.after(begin, one + two) >= end
    assert days.between(end, begin) == timedelta(0)


@examples(60)
@given(MOMENTS, LENGTHS, st.lists(LENGTHS, max_size=6), st.sampled_from(ZONES), HOLIDAYS)
def test_the_time_of_a_pause_does_not_count(
    begin: datetime, length: timedelta, steps: list[timedelta], zone: str, holidays: Sequence[date]
) -> None:
    days, moment, pauses = WorkingDays(zone, holidays), begin, list[Pause]()
    for to_the_pause, paused in zip(steps[::2], steps[1::2], strict=False):
        pauses.append(Pause(begins_at=moment + to_the_pause, ends_at=moment + to_the_pause + paused))
        moment = pauses[-1].ends_at
    end = days.after(begin, length, pauses)
    begun = [one for one in pauses if one.begins_at < end]
    lost = sum((days.between(one.begins_at, min(one.ends_at, end)) for one in begun), timedelta(0))
    assert days.between(begin, end) == length + lost
    assert end == days.after(begin, length + lost)
    assert all(one.ends_at <= end for one in begun), "nothing comes in a pause"


def test_a_ladder_that_begins_on_a_friday_goes_on_after_the_weekend() -> None:
    ladder = LadderPlan(remind_every=DAY, escalate_after=3 * DAY)
    found = ladder_dates(ladder, WorkingDays(BERLIN), local(3, 6, 16))
    assert found.reminds_at == (local(3, 9, 16), local(3, 10, 16))
    assert found.escalates_at == local(3, 11, 16)
    week = Pause(begins_at=local(3, 9, 12), ends_at=local(3, 16, 12))
    moved = ladder_dates(ladder, WorkingDays(BERLIN), local(3, 6, 16), [week])
    assert moved.reminds_at[0] == local(3, 16, 16), "what comes after the pause is shifted by it"


def test_a_pause_over_a_weekend_moves_a_ladder_by_its_working_days_only() -> None:
    ladder = LadderPlan(remind_every=4 * DAY, escalate_after=4 * DAY)
    pause = Pause(begins_at=local(3, 6, 12), ends_at=local(3, 9, 12))  # from Friday noon to Monday noon
    assert ladder_dates(ladder, WorkingDays(BERLIN), local(3, 5, 12)).escalates_at == local(3, 11, 12)
    assert ladder_dates(ladder, WorkingDays(BERLIN), local(3, 5, 12), [pause]).escalates_at == local(3, 12, 12)
