"""The proposed first meeting of each pair, and its iCalendar file. Pure.

The file is a METHOD:PUBLISH calendar (RFC 5546, 3.2.1): it offers an event to keep and asks for no reply. This method
forbids ATTENDEE lines, so the description names both people. UIDs are derived from the ids of pairs, so that mentor and
mentee get the same event, and a repeat replaces it.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress

from shared.contracts.matching import PairSummary

HOUR = time(10)
LENGTH = timedelta(minutes=30)
NOTICE = timedelta(days=2)
SATURDAY = 5


class Meeting(NamedTuple):
    pair_id: UUID
    starts_at: datetime
    """In the mentee's time zone."""
    summary: str
    description: str


def meeting_slots(pairs: Iterable[PairSummary]) -> dict[UUID, int]:
    """A slot for each pair, counted from 0, so that nobody meets two people in the same slot."""
    taken: dict[UUID, set[int]] = {}
    slots: dict[UUID, int] = {}
    for pair in sorted(pairs, key=lambda pair: pair.id):
        both = taken.setdefault(pair.mentor_id, set()), taken.setdefault(pair.mentee_id, set())
        slot = next(slot for slot in range(len(both[0]) + len(both[1]) + 1) if slot not in both[0] | both[1])
        slots[pair.id] = slot
        for person in both:
            person.add(slot)
    return slots


def first_meeting(told_at: datetime, zone: ZoneInfo, slot: int) -> datetime:
    """The time of a first meeting: on the next working day at least two days after `told_at`, at 10:00 in `zone`, and
    half an hour later for each slot."""
    day = (told_at.astimezone(zone) + NOTICE).date()
    while day.weekday() >= SATURDAY:
        day += timedelta(days=1)
    return datetime.combine(day, HOUR, tzinfo=zone) + LENGTH * slot


def calendar_file(meetings: Sequence[Meeting], organizer: str, mail_domain: str, stamped_at: datetime) -> bytes:
    """The content of an .ics file with these meetings. `organizer` is the e-mail address that messages come from."""
    calendar = Calendar()
    calendar.add("prodid", "-//Upward//Kickoff//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    for meeting in meetings:
        event = Event()
        event.add("uid", f"{meeting.pair_id}@{mail_domain}")
        event.add("dtstamp", stamped_at.astimezone(UTC))
        event.add("dtstart", meeting.starts_at.astimezone(UTC))
        event.add("dtend", (meeting.starts_at + LENGTH).astimezone(UTC))
        event.add("organizer", vCalAddress(f"mailto:{organizer}"))
        event.add("summary", meeting.summary)
        event.add("description", meeting.description)
        event.add("status", "TENTATIVE")
        event.add("transp", "OPAQUE")
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content
