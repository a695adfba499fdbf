"""The proposed first meeting of each pair, and its iCalendar file. Pure.

A first meeting lies in a meeting window that both people named, so that it is daytime for both, and never over another
first meeting of one of the two. What is proposed follows from the pairs, the windows and the time of the announcement
alone. So both sides are told the same time, whenever each of them is written to.

The file is a METHOD:PUBLISH calendar (RFC 5546, 3.2.1): it offers an event to keep and asks for no reply. This method
forbids ATTENDEE lines, so the description names both people. UIDs are derived from the ids of pairs, so that mentor and
mentee get the same event, and a repeat replaces it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.contracts.intake import MeetingWindow
from shared.contracts.matching import PairSummary

PREFERRED = time(10)
"""The time of day in the mentee's zone from which on a free time is looked for; earlier ones come after it."""
LENGTH = timedelta(minutes=30)
STEP = timedelta(minutes=15)
NOTICE = timedelta(days=2)
LOOK_AHEAD = 21
"""Days on which a free time is looked for."""
AGAIN = timedelta(days=28)
"""When a proposed time has passed before it could be told, another one is looked for so much later. It is longer than
`LOOK_AHEAD`, so that a later proposal never lies over an earlier one."""


class Meeting(NamedTuple):
    pair_id: UUID
    starts_at: datetime
    summary: str
    description: str
    language: str = "en"
    """The language of the two texts, as a BCP 47 code."""


class Hours(NamedTuple):
    """When somebody can meet. Somebody who named no window can meet in all of them."""

    zone: ZoneInfo
    windows: tuple[MeetingWindow, ...] = ()


class FirstMeetings:
    """Proposes the first meetings of a cycle's pairs. Only pairs that share people, directly or through others, depend
    on each other, so that no more than these are computed at once."""

    def __init__(
        self,
        pairs: Iterable[PairSummary],
        hours: Mapping[UUID, Hours],
        told_at: Callable[[PairSummary], datetime],
    ) -> None:
        """`hours` holds everybody in the pairs. `told_at` says from when on both people of a pair have been told."""
        self._pairs = {pair.id: pair for pair in pairs}
        self._hours, self._told_at = hours, told_at
        self._of: dict[UUID, list[PairSummary]] = {}
        for pair in self._pairs.values():
            for person_id in (pair.mentor_id, pair.mentee_id):
                self._of.setdefault(person_id, []).append(pair)
        self._found: dict[tuple[UUID, int], datetime | None] = {}

    def of(self, pair_id: UUID, now: datetime) -> datetime | None:
        """When the pair's first meeting is proposed to begin: the same time whoever asks, as long as it is not past.
        None if the two share no time."""
        turn = 0
        while (starts_at := self._proposed(pair_id, turn)) is not None and starts_at <= now:
            turn += 1
        return starts_at

    def _proposed(self, pair_id: UUID, turn: int) -> datetime | None:
        if (pair_id, turn) not in self._found:
            self._propose(self._connected(self._pairs[pair_id]), turn)
        return self._found[pair_id, turn]

    def _propose(self, pairs: Sequence[PairSummary], turn: int) -> None:
        """Proposes a time for each of these pairs, in an order that depends on nothing but the pairs. Those with the
        fewest times to choose from choose first."""
        possible = {pair.id: list(self._starts(pair, turn)) for pair in pairs}
        taken: dict[UUID, list[datetime]] = {}
        for pair in sorted(pairs, key=lambda pair: (len(possible[pair.id]), pair.id)):
            busy = [*taken.get(pair.mentor_id, ()), *taken.get(pair.mentee_id, ())]
            starts_at = next((start for start in possible[pair.id] if _is_free(start, busy)), None)
            self._found[pair.id, turn] = starts_at
            if starts_at is not None:
                for person_id in (pair.mentor_id, pair.mentee_id):
                    taken.setdefault(person_id, []).append(starts_at)

    def _starts(self, pair: PairSummary, turn: int) -> Iterator[datetime]:
        told_at = self._told_at(pair) + turn * AGAIN
        return possible_starts(self._hours[pair.mentor_id], self._hours[pair.mentee_id], told_at)

    def _connected(self, pair: PairSummary) -> list[PairSummary]:
        found, unseen = {pair.id: pair}, [pair]
        while unseen:
            one = unseen.pop()
            for other in (*self._of[one.mentor_id], *self._of[one.mentee_id]):
                if other.id not in found:
                    found[other.id] = other
                    unseen.append(other)
        return list(found.values())


def possible_starts(mentor: Hours, mentee: Hours, told_at: datetime) -> Iterator[datetime]:
    """The times in UTC at which the two could begin to meet, the preferred ones first: on the first day that they
    share, which is for both at least `NOTICE` after the day on which they are told, from `PREFERRED` on in the mentee's
    zone; then earlier on that day; then on the days after it."""
    first = max(_midnight((told_at.astimezone(one.zone) + NOTICE).date(), one.zone) for one in (mentor, mentee))
    day = first.astimezone(mentee.zone).date()
    for number in range(LOOK_AHEAD):
        on = day + timedelta(days=number)
        starts = {start for start in _shared_starts(mentor, mentee, on) if start >= first}
        yield from sorted(starts, key=lambda start: (start.astimezone(mentee.zone).time() < PREFERRED, start))


def _shared_starts(mentor: Hours, mentee: Hours, day: date) -> Iterator[datetime]:
    """Every `STEP` in what both offer on the mentee's day. On the mentor's clock it may be the day before or after."""
    for theirs in _windows_on(mentee, day):
        for near in (day - timedelta(days=1), day, day + timedelta(days=1)):
            for ours in _windows_on(mentor, near):
                start, end = max(theirs[0], ours[0]), min(theirs[1], ours[1])
                while start + LENGTH <= end:
                    yield start
                    start += STEP


@lru_cache(maxsize=10_000)
def _windows_on(hours: Hours, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """The beginning and the end, in UTC, of each window that somebody offers on a day of their own calendar."""
    return tuple(
        (_clock(day, window.begins, hours.zone), _clock(day, window.ends, hours.zone))
        for window in sorted(set(hours.windows or MeetingWindow), key=lambda window: window.begins)
        if window.weekday == day.weekday()
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return _clock(day, time(0), zone)


def _clock(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """In UTC, because local times must not be compared with each other on days on which the clocks change."""
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def _is_free(start: datetime, busy: Sequence[datetime]) -> bool:
    return all(abs(start - other) >= LENGTH for other in busy)


def calendar_file(meetings: Sequence[Meeting], organizer: str, mail_domain: str, stamped_at: datetime) -> bytes:
    """The content of an .ics file with these meetings. `organizer` is the e-mail address that messages come from."""
    # Few messages carry a calendar, and the library takes 3 MB: it is there once one does.
    from icalendar import Calendar, Event, vCalAddress

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
        told_in = {"LANGUAGE": meeting.language}  # RFC 5545, 3.2.10
        event.add("summary", meeting.summary, parameters=told_in)
        event.add("description", meeting.description, parameters=told_in)
        event.add("status", "TENTATIVE")
        event.add("transp", "OPAQUE")
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content
