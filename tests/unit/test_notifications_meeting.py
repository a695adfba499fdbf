"""The proposed first meeting, its calendar file and the ids of messages."""

from datetime import UTC, datetime, time, timedelta
from itertools import count, pairwise, permutations, takewhile
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from services.notifications.rules.meeting import FirstMeetings, Hours, Meeting, calendar_file
from services.notifications.rules.messages import message_id, pause_after
from shared.contracts.intake import MeetingWindow
from shared.contracts.matching import PairState, PairSummary
from shared.contracts.notifications import Announcement, Audience, Template
from tests.unit.properties import examples

BERLIN = ZoneInfo("Europe/Berlin")


MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
EVERYWHERE = st.sampled_from(
    [
        "America/Los_Angeles",
        "America/St_Johns",
        "Europe/London",
        "Europe/Berlin",
        "Asia/Karachi",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Auckland",
        "Pacific/Chatham",
        "Pacific/Kiritimati",
        "Pacific/Apia",
        "Pacific/Norfolk",
        "America/Santiago",
        "America/Asuncion",
        "America/Havana",
        "Africa/Cairo",
        "Africa/Casablanca",
        "Pacific/Pago_Pago",
    ]
)
HOURS = st.builds(
    lambda zone, windows: Hours(ZoneInfo(zone), tuple(windows)),
    EVERYWHERE,
    st.lists(st.sampled_from(MeetingWindow), max_size=4, unique=True),
)
MOMENTS = st.integers(0, 2 * 365 * 24 * 4).map(lambda quarters: MONDAY + timedelta(minutes=15) * quarters)


def pair(mentor: UUID, mentee: UUID, number: int) -> PairSummary:
    return PairSummary(id=UUID(int=number), mentor_id=mentor, mentee_id=mentee, state=PairState.ACTIVE)


def first_meeting(mentor: Hours, mentee: Hours, told_at: datetime, now: datetime | None = None) -> datetime | None:
    """The first meeting of a pair that shares nobody with another pair."""
    one = pair(uuid4(), uuid4(), 1)
    hours = {one.mentor_id: mentor, one.mentee_id: mentee}
    return FirstMeetings([one], hours, lambda _: told_at).of(one.id, now or told_at)


def offers(hours: Hours, starts_at: datetime) -> bool:
    """Whether half an hour from `starts_at` lies in a half day that this person named."""
    begin, end = starts_at.astimezone(hours.zone), (starts_at + timedelta(minutes=30)).astimezone(hours.zone)
    half = "am" if begin.time() < time(12) else "pm"
    if begin.weekday() > 4:
        return False
    named = MeetingWindow(f"{('mon', 'tue', 'wed', 'thu', 'fri')[begin.weekday()]}-{half}")
    first, last = (time(8), time(12)) if half == "am" else (time(13), time(17))
    return first <= begin.time() < end.time() <= last and (not hours.windows or named in hours.windows)


@pytest.mark.parametrize(
    ("told_at", "day"),
    [
        (datetime(2026, 3, 2, 9, tzinfo=UTC), 4),  # Monday: Wednesday
        (datetime(2026, 3, 4, 9, tzinfo=UTC), 6),  # Wednesday: Friday
        (datetime(2026, 3, 5, 9, tzinfo=UTC), 9),  # Thursday: Monday
        (datetime(2026, 3, 6, 9, tzinfo=UTC), 9),  # Friday: Monday
        (datetime(2026, 3, 2, 23, 30, tzinfo=UTC), 5),  # already Tuesday in Berlin: Thursday
    ],
)
def test_the_first_meeting_is_on_a_working_day_two_days_later_at_ten(told_at: datetime, day: int) -> None:
    assert first_meeting(Hours(BERLIN), Hours(BERLIN), told_at) == datetime(2026, 3, day, 10, tzinfo=BERLIN)


def test_two_who_both_offer_thursday_afternoon_alone_meet_on_a_thursday_afternoon() -> None:
    thursdays = Hours(BERLIN, (MeetingWindow.THU_PM,))
    assert first_meeting(thursdays, thursdays, MONDAY) == datetime(2026, 3, 5, 13, tzinfo=BERLIN)


def test_a_mentor_in_london_meets_five_people_in_karachi_and_kolkata_one_after_the_other_and_nobody_at_night() -> None:
    mentor, mentees = uuid4(), [uuid4() for _ in range(5)]
    zones = [ZoneInfo("Asia/Karachi" if number % 2 else "Asia/Kolkata") for number in range(5)]
    hours = {mentor: Hours(ZoneInfo("Europe/London"))} | dict(zip(mentees, map(Hours, zones), strict=True))
    pairs = [pair(mentor, mentee, number) for number, mentee in enumerate(mentees)]
    meetings = FirstMeetings(pairs, hours, lambda _: MONDAY)
    starts = sorted(start for one in pairs if (start := meetings.of(one.id, MONDAY)) is not None)
    assert len(starts) == 5
    assert all(later - start >= timedelta(minutes=30) for start, later in pairwise(starts))
    for start in starts:
        for zone in (*zones, hours[mentor].zone):
            local = start.astimezone(zone)
            assert time(8) <= local.time() <= time(16, 30)
            assert local.weekday() < 5


def test_where_nothing_is_shared_no_time_is_proposed() -> None:
    auckland, london = Hours(ZoneInfo("Pacific/Auckland")), Hours(ZoneInfo("Europe/London"))
    assert first_meeting(auckland, london, MONDAY) is None
    assert first_meeting(Hours(BERLIN, (MeetingWindow.MON_AM,)), Hours(BERLIN, (MeetingWindow.TUE_AM,)), MONDAY) is None


def test_whoever_can_choose_least_is_given_a_time_first() -> None:
    mentor, free, bound = uuid4(), uuid4(), uuid4()
    hours = {
        mentor: Hours(BERLIN, (MeetingWindow.WED_AM,)),
        free: Hours(ZoneInfo("Asia/Dubai")),
        bound: Hours(ZoneInfo("Asia/Tokyo")),  # shares one hour, in which the other one would like to meet too
    }
    pairs = [pair(mentor, free, 1), pair(mentor, bound, 2)]
    meetings = FirstMeetings(pairs, hours, lambda _: MONDAY)
    assert meetings.of(pairs[1].id, MONDAY) == datetime(2026, 3, 4, 8, tzinfo=BERLIN)
    assert meetings.of(pairs[0].id, MONDAY) == datetime(2026, 3, 4, 8, 30, tzinfo=BERLIN)


def test_a_time_that_has_passed_before_it_could_be_told_is_replaced() -> None:
    now = MONDAY + timedelta(days=10)
    assert first_meeting(Hours(BERLIN), Hours(BERLIN), MONDAY, now) == datetime(2026, 4, 1, 10, tzinfo=BERLIN)


@examples(60)
@given(HOURS, HOURS, MOMENTS)
def test_a_first_meeting_lies_in_a_window_of_both(mentor: Hours, mentee: Hours, told_at: datetime) -> None:
    starts_at = first_meeting(mentor, mentee, told_at)
    quarters = (told_at + timedelta(days=3) + timedelta(minutes=15) * n for n in count())
    within = takewhile(lambda start: start < told_at + timedelta(days=12), quarters)
    shared = [start for start in within if offers(mentor, start) and offers(mentee, start)] if starts_at is None else []
    assert shared == []
    if starts_at is not None:
        assert offers(mentor, starts_at)
        assert offers(mentee, starts_at)
        for zone in (mentor.zone, mentee.zone):
            assert (starts_at.astimezone(zone).date() - told_at.astimezone(zone).date()).days >= 2


@examples(40)
@given(st.data())
def test_nobody_has_two_first_meetings_at_once_whoever_asks_first_and_whenever(data: st.DataObject) -> None:
    people = [UUID(int=number) for number in range(6)]
    hours = {person: data.draw(HOURS) for person in people}
    couples = data.draw(st.lists(st.sampled_from(list(permutations(people, 2))), min_size=1, max_size=9, unique=True))
    pairs = [pair(mentor, mentee, number) for number, (mentor, mentee) in enumerate(couples)]
    told = {one.id: MONDAY + timedelta(hours=data.draw(st.integers(0, 72))) for one in pairs}
    late = {one.id: data.draw(st.sampled_from([MONDAY, MONDAY + timedelta(days=9)])) for one in pairs}

    def proposals(order: list[PairSummary]) -> dict[UUID, datetime | None]:
        meetings = FirstMeetings(order, hours, lambda one: told[one.id])
        return {one.id: meetings.of(one.id, late[one.id]) for one in order}

    found = proposals(pairs)
    assert proposals(list(reversed(pairs))) == found
    for person in people:
        mine = sorted(
            start for one in pairs if person in (one.mentor_id, one.mentee_id) and (start := found[one.id]) is not None
        )
        assert all(later - start >= timedelta(minutes=30) for start, later in pairwise(mine))


def test_the_calendar_file_publishes_one_event_a_pair_with_an_id_from_the_pair() -> None:
    start = datetime(2026, 3, 4, 10, tzinfo=BERLIN)
    meeting = Meeting(UUID(int=7), start, "Upward: first meeting", "Mentor: Jörg, Müller; <x@y.example>\nMentee: B")
    content = calendar_file([meeting], "programs@up.example", "up.example", datetime(2026, 3, 1, tzinfo=UTC))
    calendar = Calendar.from_ical(content)
    [event] = calendar.walk("VEVENT")
    assert calendar["METHOD"] == "PUBLISH"
    assert event["UID"] == f"{UUID(int=7)}@up.example"
    assert event.decoded("DTSTART") == start
    assert event.decoded("DTEND") == start + timedelta(minutes=30)
    assert str(event["DESCRIPTION"]) == meeting.description
    assert str(event["ORGANIZER"]) == "mailto:programs@up.example"
    assert "ATTENDEE" not in event  # RFC 5546, 3.2.1: never in a published event


def test_a_message_id_depends_on_scope_person_template_and_occurrence_alone() -> None:
    scope, person = uuid4(), uuid4()

    def announcement(**changes: object) -> Announcement:
        fields = {"organization_id": uuid4(), "cycle_id": uuid4(), "scope_id": scope, "audience": Audience.ROUND}
        fields |= {"template": Template.CHECK_IN_REMINDER, "occurrence": 2}
        return Announcement.model_validate(fields | changes)

    expected = f"<{uuid5(scope, f'{person}|check_in_reminder|2')}@up.example>"
    assert message_id(announcement(), person, "up.example") == expected
    assert message_id(announcement(), person, "up.example") == expected
    changes: list[dict[str, object]] = [{"scope_id": uuid4()}, {"template": Template.KICKOFF}, {"occurrence": 3}]
    others = {message_id(announcement(**change), person, "up.example") for change in changes}
    assert len(others | {expected, message_id(announcement(), uuid4(), "up.example")}) == 5


def test_a_server_that_puts_off_is_asked_again_later_and_later_and_not_for_ever() -> None:
    minutes = [pause.total_seconds() / 60 for n in range(1, 12) if (pause := pause_after(n)) is not None]
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    assert pause_after(12) is None
