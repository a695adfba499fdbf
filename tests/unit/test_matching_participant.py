"""One person prepared for matching: free places, hours of the week in UTC, and columns of a whole pool."""

from datetime import UTC, date, datetime, time
from uuid import UUID
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.engine.inputs import week_of
from services.matching.engine.rules.participant import SLOTS_A_WEEK, local_days, prepare, weekly_slots
from services.matching.engine.rules.pool import Pool
from shared.contracts.intake import MeetingWindow
from tests.unit.matching_pools import junior, person
from tests.unit.properties import examples

WEEK = datetime(2026, 1, 5, 12, tzinfo=UTC)
ZONES = st.sampled_from(sorted(available_timezones()))
SUMMER = datetime(2026, 7, 6, 12, tzinfo=UTC)


def hours(window: str, zone: str, week: datetime = WEEK) -> list[float]:
    """Hours of the week in UTC; Monday's midnight is 0."""
    mask = weekly_slots((MeetingWindow(window),), zone, week)
    return [slot / 2 for slot in range(SLOTS_A_WEEK) if mask >> slot & 1]


def half_hours(start: float) -> list[float]:
    return [start + step / 2 for step in range(8)]


@pytest.mark.parametrize(
    ("window", "zone", "start"),
    [
        ("mon-am", "UTC", 8),
        ("mon-pm", "UTC", 13),
        ("fri-pm", "UTC", 109),
        ("mon-am", "Europe/Berlin", 7),
        ("wed-am", "America/New_York", 61),
        ("mon-am", "Asia/Kolkata", 2.5),
        ("mon-am", "no such zone", 8),
        ("mon-am", "../../etc/passwd", 8),
        ("mon-am", "", 8),
    ],
)
def test_a_meeting_window_is_four_hours_of_local_time(window: str, zone: str, start: float) -> None:
    assert hours(window, zone) == half_hours(start)


@pytest.mark.parametrize(("zone", "earlier"), [("Europe/Berlin", 1), ("America/New_York", 1), ("Asia/Kolkata", 0)])
def test_in_summer_clocks_are_ahead_where_they_are_moved(zone: str, earlier: int) -> None:
    assert hours("tue-am", zone, SUMMER) == half_hours(hours("tue-am", zone)[0] - earlier)


def test_a_monday_morning_in_the_east_is_the_end_of_the_week_in_utc() -> None:
    assert hours("mon-am", "Pacific/Auckland") == half_hours(6 * 24 + 19)
    assert hours("mon-am", "Pacific/Kiritimati") == half_hours(6 * 24 + 18)


def test_a_friday_afternoon_in_the_west_ends_on_saturday_in_utc() -> None:
    assert hours("fri-pm", "Pacific/Honolulu") == half_hours(4 * 24 + 23)


@examples(40)
@given(st.sampled_from(MeetingWindow), ZONES, st.dates(date(2026, 1, 1), date(2028, 1, 1)))
def test_a_window_lies_on_its_own_day_on_the_clock_of_whoever_named_it(
    window: MeetingWindow, zone: str, day: date
) -> None:
    one = prepare(person(meeting_windows=(window,), time_zone=zone), datetime.combine(week_of(day), time(), UTC))
    assert local_days(one.slots, one.offset) == (window.value[:3],)


def test_whoever_names_no_meeting_window_can_meet_in_all_of_them() -> None:
    assert prepare(person(), WEEK).slots == prepare(person(meeting_windows=tuple(MeetingWindow)), WEEK).slots
    assert prepare(person(), WEEK).slots.bit_count() == 10 * 8


@pytest.mark.parametrize(
    ("role", "as_mentor", "as_mentee", "free"),
    [
        ("mentor", 0, 0, (3, 0)),
        ("mentee", 0, 0, (0, 2)),
        ("both", 0, 0, (3, 2)),
        ("both", 1, 2, (2, 0)),
        ("mentor", 3, 0, (0, 0)),
        ("mentor", 4, 0, (0, 0)),
        ("mentee", 1, 0, (0, 2)),
    ],
)
def test_free_places_are_the_capacity_less_the_pairs_that_stand(
    role: str, as_mentor: int, as_mentee: int, free: tuple[int, int]
) -> None:
    found = prepare(
        person(role=role, mentor_capacity=3, mentee_capacity=2), WEEK, as_mentor=as_mentor, as_mentee=as_mentee
    )
    assert (found.mentor_places, found.mentee_places) == free
    assert found.paired is (as_mentor + as_mentee > 0)


def test_whoever_is_dropped_has_no_places_and_keeps_the_role() -> None:
    found = prepare(person(role="both"), WEEK, dropped=True)
    assert (found.mentor_places, found.mentee_places) == (0, 0)
    assert (found.is_mentor, found.is_mentee, found.dropped) == (True, True, True)


def test_the_bits_of_a_pool_are_those_of_its_people() -> None:
    people = [
        prepare(junior(time_zone=zone, meeting_windows=(window,)), WEEK)
        for zone, window in (("Pacific/Auckland", "mon-am"), ("Pacific/Honolulu", "fri-pm"), ("UTC", "wed-am"))
    ]
    rows = Pool(people).slots.tolist()
    assert rows == [[one.slots >> slot & 1 for slot in range(SLOTS_A_WEEK)] for one in people]


def test_a_pool_knows_its_people_by_index_and_only_those() -> None:
    people = [prepare(person(person_id=UUID(int=number)), WEEK) for number in (7, 3, 5)]
    pool = Pool(people)
    keys = pool.keys([(UUID(int=3), UUID(int=5)), (UUID(int=3), UUID(int=4)), (UUID(int=7), UUID(int=7))])
    assert keys.tolist() == [0, 5]
    assert pool.keys([]).tolist() == []
