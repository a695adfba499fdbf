"""How long an answer asks to wait, in every form of RFC 9110, and how long that is at most."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.events.webhooks.rules.delivery import LONGEST_RETRY_AFTER, Schedule
from services.events.webhooks.rules.retry_after import parse_retry_after
from tests.unit.properties import examples

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
moments = st.integers(0, 100 * 365 * 86_400).map(
    lambda seconds: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(0, seconds)
)
ahead = st.timedeltas(timedelta(seconds=1), timedelta(days=49 * 365)).map(
    lambda wait: timedelta(wait.days, wait.seconds)
)


def imf_fixdate(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


def rfc_850(at: datetime) -> str:
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    imf = imf_fixdate(at)
    return f"{days[at.weekday()]}, {imf[5:7]}-{imf[8:11]}-{at.year % 100:02} {imf[17:]}"


def asctime(at: datetime) -> str:
    imf = imf_fixdate(at)
    return f"{imf[:3]} {imf[8:11]} {at.day:2} {imf[17:25]} {at.year:04}"


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("0", timedelta(0)),
        ("000000000000000000120", timedelta(seconds=120)),
        ("9" * 10, timedelta(seconds=9_999_999_999)),
        ("9" * 13, timedelta(seconds=9_999_999_999_999)),
        ("9" * 14, timedelta.max),
        ("9" * 5000, timedelta.max),
        ("Mon, 05 Jan 2026 12:01:00 GMT", MINUTE),
        ("Monday, 05-Jan-26 12:01:00 GMT", MINUTE),
        ("Mon Jan  5 12:01:00 2026", MINUTE),
        ("mon, 05 jan 2026 12:01:00 gmt", MINUTE),
        ("Fri, 05 Jan 2026 12:01:00 GMT", MINUTE),
        ("Mon, 05 Jan 2026 12:00:60 GMT", MINUTE),
        ("Mon, 05 Jan 2026 13:01:00 +0100", MINUTE),
        ("5 Jan 2026 12:01:00 GMT", MINUTE),
        ("Fri, 31 Dec 9999 23:59:60 GMT", datetime(9999, 12, 31, 23, 59, tzinfo=UTC) - NOW + MINUTE),
        *((text, None) for text in ("", "-5", "1.5", "+5", "soon", "1e3", "٣", "1 2", "5,", "Mon, 05 Jan 2026", "\0")),
        *((text, None) for text in ("Mon, 05 Jan 2026 11:59:00 GMT", "Mon, 99 Jan 2026 12:01:00 GMT", "2026-01-06")),
        *((f"Mon, 05 Jan 2026 {time} GMT", None) for time in ("12:00:61", "12:60:00", "24:00:00")),
        ("Mon, 30 Feb 2026 12:00:00 GMT", None),
        ("Mon, 05 Jan 0000 12:01:00 GMT", None),
        ("Mon, 05 Jan 99999999999999999999 12:01:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_to_come_and_nonsense_is_ignored(text: str, wait: timedelta | None) -> None:
    assert parse_retry_after(text, NOW) == wait


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("Monday, 05-Jan-76 12:00:00 GMT", 2076),
        ("Monday, 05-Jan-70 12:00:00 GMT", 2070),
        ("Monday, 05-Jan-76 12:00:01 GMT", None),
        ("Monday, 05-Jan-99 12:00:00 GMT", None),
    ],
)
def test_a_year_of_two_digits_lies_at_most_fifty_years_ahead(text: str, year: int | None) -> None:
    assert parse_retry_after(text, NOW) == (year and NOW.replace(year=year) - NOW)


@examples(50)
@given(st.integers(0, 10**40), st.integers(0, 3000))
def test_a_number_of_any_length_waits_so_many_seconds_or_the_documented_maximum(seconds: int, zeros: int) -> None:
    wait = parse_retry_after("0" * zeros + str(seconds), NOW)
    assert wait is not None
    assert min(wait, LONGEST_RETRY_AFTER) == timedelta(seconds=min(seconds, 86_400))


@examples(50)
@given(moments, ahead)
def test_all_three_forms_of_a_date_mean_the_same_moment(now: datetime, wait: timedelta) -> None:
    forms = [form(now + wait) for form in (imf_fixdate, rfc_850, asctime)]
    assert [parse_retry_after(form, now) for form in forms] == [wait] * 3, forms


@examples(50)
@given(st.text(st.sampled_from("0123456789 :,-GMTonJan+\0é"), max_size=40))
def test_any_text_asks_for_a_time_to_come_or_for_nothing(text: str) -> None:
    wait = parse_retry_after(text, NOW)
    assert wait is None or wait >= timedelta(0)


@pytest.mark.parametrize(
    "text", ["86401", "9" * 10, "9" * 400, "Tue, 06 Jan 2026 12:00:01 GMT", asctime(NOW + timedelta(9999))]
)
def test_what_is_too_large_waits_the_documented_maximum(text: str) -> None:
    assert Schedule().delay_after(1, parse_retry_after(text, NOW)) == LONGEST_RETRY_AFTER
