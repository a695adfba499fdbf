"""The proposed first meeting, its calendar file and the ids of messages."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from services.notifications.rules.meeting import Meeting, calendar_file, first_meeting, meeting_slots
from services.notifications.rules.messages import message_id, pause_after
from shared.contracts.matching import PairState, PairSummary
from shared.contracts.notifications import Announcement, Audience, Template

BERLIN = ZoneInfo("Europe/Berlin")


def pair(mentor: UUID, mentee: UUID, number: int) -> PairSummary:
    return PairSummary(id=UUID(int=number), mentor_id=mentor, mentee_id=mentee, state=PairState.ACTIVE)


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
    assert first_meeting(told_at, BERLIN, 0) == datetime(2026, 3, day, 10, tzinfo=BERLIN)


def test_a_later_slot_is_half_an_hour_later() -> None:
    told_at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert first_meeting(told_at, BERLIN, 2) == datetime(2026, 3, 4, 11, tzinfo=BERLIN)


def test_nobody_has_two_first_meetings_at_once() -> None:
    a, b, c, d = (uuid4() for _ in range(4))
    pairs = [pair(a, c, 1), pair(a, d, 2), pair(b, d, 3), pair(b, c, 4)]
    slots = meeting_slots(reversed(pairs))
    assert slots == meeting_slots(pairs)
    for person in (a, b, c, d):
        mine = [slots[p.id] for p in pairs if person in (p.mentor_id, p.mentee_id)]
        assert len(set(mine)) == len(mine)


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
