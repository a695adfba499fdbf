"""Messages are sent in the reader's local working hours."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.rules.sending_hours import next_sending_moment, zone_of
from shared.contracts.programs import SendingHours

HOURS = SendingHours(start=time(8), end=time(18))
BERLIN = ZoneInfo("Europe/Berlin")


def local(year: int, month: int, day: int, hour: int, minute: int, zone: ZoneInfo = BERLIN, fold: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=zone, fold=fold)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (local(2026, 3, 4, 12, 0), local(2026, 3, 4, 12, 0)),  # inside: at once
        (local(2026, 3, 4, 8, 0), local(2026, 3, 4, 8, 0)),  # the start belongs to the hours
        (local(2026, 3, 4, 18, 0), local(2026, 3, 5, 8, 0)),  # the end does not
        (local(2026, 3, 4, 3, 0), local(2026, 3, 4, 8, 0)),  # before work
        (local(2026, 3, 6, 19, 0), local(2026, 3, 9, 8, 0)),  # Friday evening
        (local(2026, 3, 7, 12, 0), local(2026, 3, 9, 8, 0)),  # Saturday
        (local(2026, 3, 8, 23, 59), local(2026, 3, 9, 8, 0)),  # Sunday
    ],
)
def test_a_message_waits_for_the_next_working_hour(now: datetime, expected: datetime) -> None:
    assert next_sending_moment(now, HOURS, BERLIN) == expected.astimezone(UTC)


def test_without_sending_hours_a_message_is_due_at_once() -> None:
    sunday_night = datetime(2026, 3, 8, 2, 0, tzinfo=UTC)
    assert next_sending_moment(sunday_night, None, BERLIN) == sunday_night


def test_the_hours_are_those_of_the_reader() -> None:
    now = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
    assert next_sending_moment(now, HOURS, BERLIN) == now
    assert next_sending_moment(now, HOURS, ZoneInfo("America/New_York")) == datetime(2026, 3, 4, 13, 0, tzinfo=UTC)
    assert next_sending_moment(now, HOURS, ZoneInfo("Asia/Kolkata")) == now
    assert next_sending_moment(now, HOURS, ZoneInfo("Asia/Tokyo")) == datetime(2026, 3, 4, 23, 0, tzinfo=UTC)


def test_eight_in_the_morning_stays_eight_when_the_clocks_change() -> None:
    before_spring, before_autumn = local(2026, 3, 27, 20, 0), local(2026, 10, 23, 20, 0)
    assert next_sending_moment(before_spring, HOURS, BERLIN) == datetime(2026, 3, 30, 6, 0, tzinfo=UTC)
    assert next_sending_moment(before_autumn, HOURS, BERLIN) == datetime(2026, 10, 26, 7, 0, tzinfo=UTC)


def test_hours_that_the_clock_change_skips_move_to_the_next_day() -> None:
    """In Cairo the clocks go from 00:00 to 01:00 on Friday, 24 April 2026: 00:10-00:50 does not exist that day."""
    cairo, night = ZoneInfo("Africa/Cairo"), SendingHours(start=time(0, 10), end=time(0, 50))
    now = local(2026, 4, 23, 12, 0, zone=cairo)
    assert next_sending_moment(now, night, cairo).astimezone(cairo) == local(2026, 4, 27, 0, 10, zone=cairo)


def test_an_hour_that_comes_twice_is_a_sending_hour_twice() -> None:
    """In Cairo 23:00-23:59 comes twice on Thursday, 29 October 2026."""
    cairo, late = ZoneInfo("Africa/Cairo"), SendingHours(start=time(23), end=time(23, 59))
    second = local(2026, 10, 29, 23, 30, zone=cairo, fold=1)
    assert next_sending_moment(second, late, cairo) == second.astimezone(UTC)


@given(
    now=st.integers(1_704_067_200, 1_893_456_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    zone=st.sampled_from(
        ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu", "Pacific/Apia"]
    ).map(ZoneInfo),
    clocks=st.lists(st.times(), min_size=2, max_size=2, unique=True).map(sorted),
)
def test_the_moment_is_never_early_never_at_the_weekend_and_stays_when_found(
    now: datetime, zone: ZoneInfo, clocks: list[time]
) -> None:
    hours = SendingHours(start=clocks[0], end=clocks[1])
    moment = next_sending_moment(now, hours, zone)
    assert now <= moment <= now + timedelta(days=5)
    assert moment.astimezone(zone).weekday() < 5
    assert next_sending_moment(moment, hours, zone) == moment


def test_an_unknown_time_zone_falls_back_to_the_programs_and_then_to_utc() -> None:
    assert zone_of("Mars/Olympus", "Europe/Berlin") == BERLIN
    assert zone_of("", "../etc/passwd") == ZoneInfo("UTC")
