"""A person of the pool, prepared for matching: sets instead of lists, free places instead of capacities, hours in UTC.

Everything that depends on one person alone is computed here, once for each person. Pure: no database, no network, no
clock.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache, lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.contracts.intake import EnrolmentRole, MeetingWindow, PoolPerson, TeachingLevel
from shared.contracts.programs import Direction

SLOTS_A_WEEK = 7 * 24 * 2
"""Half hours, because some time zones are half an hour apart."""
SLOTS_A_DAY = SLOTS_A_WEEK // 7
STARTS = {"am": 8, "pm": 13}
SLOTS_A_WINDOW = 8
"""Mornings are 8 to 12, afternoons 13 to 17, local time."""
DAYS = ("mon", "tue", "wed", "thu", "fri")
WISH_UNITS = 250
"""Units that are shared out among the topics that a person wants. A unit is worth one point for each quarter of
`TAUGHT_QUARTERS`."""
TAUGHT_QUARTERS = {TeachingLevel.BASICS: 2, TeachingLevel.GOOD: 3, TeachingLevel.EXPERT: 4}
"""How much of a wish each level of teaching fulfils, in quarters."""
MOST_WISHES = 5
"""How many people somebody can wish for, in order."""


@dataclass(frozen=True, slots=True)
class Participant:
    """One enrolled person. `mentor_places` and `mentee_places` are free places: 0 for a role that the person did not
    enrol for."""

    person_id: UUID
    is_mentor: bool
    is_mentee: bool
    mentor_places: int
    mentee_places: int
    paired: bool
    """Already in an offered or live pair of this cycle, as can happen in runs that replace declined pairs."""
    waited: bool
    """Found no partner in an earlier cycle."""
    dropped: bool
    """Taken out of the run by an admin."""
    level: int
    department: str
    location: str
    managers: tuple[UUID, ...]
    """The reporting line above, nearest first."""
    languages: frozenset[str]
    taught: dict[str, int]
    """Quarters of a wish that each taught topic fulfils, 2 to 4."""
    wanted: dict[str, int]
    """How many of the `WISH_UNITS` each wanted topic has, most wanted first."""
    slots: int
    """Half hours of the week in UTC in which the person can meet, as a bit mask."""
    offset: int
    """Half hours by which the person's clock is ahead of UTC."""
    preferred: tuple[UUID, ...]
    """Most wished for first."""
    avoided: frozenset[UUID]


def prepare(
    person: PoolPerson,
    week: datetime,
    *,
    as_mentor: int = 0,
    as_mentee: int = 0,
    waited: bool = False,
    dropped: bool = False,
) -> Participant:
    """The person with the places left after `as_mentor` and `as_mentee` offered or live pairs of this cycle. `week` is
    the Monday of the week whose clock times count."""
    is_mentor = person.role in (EnrolmentRole.MENTOR, EnrolmentRole.BOTH)
    is_mentee = person.role in (EnrolmentRole.MENTEE, EnrolmentRole.BOTH)
    return Participant(
        person_id=person.person_id,
        is_mentor=is_mentor,
        is_mentee=is_mentee,
        mentor_places=max(person.mentor_capacity - as_mentor, 0) if is_mentor and not dropped else 0,
        mentee_places=max(person.mentee_capacity - as_mentee, 0) if is_mentee and not dropped else 0,
        paired=as_mentor + as_mentee > 0,
        waited=waited,
        dropped=dropped,
        level=person.level,
        department=person.department.strip().casefold(),
        location=person.location.strip().casefold(),
        managers=person.managers,
        languages=frozenset(language.split("-")[0].casefold() for language in person.languages),
        taught={
            topic: TAUGHT_QUARTERS[person.taught_levels.get(topic, TeachingLevel.EXPERT)]
            for topic in person.topics_taught
        },
        wanted=wish_units(person.topics_wanted),
        slots=weekly_slots(person.meeting_windows, person.time_zone, week),
        offset=_offset_slots(person.time_zone, week),
        preferred=tuple(dict.fromkeys(person.preferred))[:MOST_WISHES],
        avoided=frozenset(person.avoided),
    )


def shared_topics(mentor: Participant, mentee: Participant, direction: Direction) -> tuple[str, ...]:
    """Topics that one side teaches and the other wants, the mentee's wishes first."""
    found = [topic for topic in mentee.wanted if topic in mentor.taught]
    if direction is Direction.MUTUAL:
        found += [topic for topic in mentor.wanted if topic in mentee.taught]
    return tuple(dict.fromkeys(found))


def wish_units(topics: tuple[str, ...]) -> dict[str, int]:
    """Each topic's share of the wish, in units that add up to WISH_UNITS: the second topic counts half as much as the
    first, the third a third, and so on. The units that rounding leaves over go to the first topic."""
    unique = list(dict.fromkeys(topics))
    total = sum(1 / rank for rank in range(1, len(unique) + 1))
    units = {topic: int(WISH_UNITS / rank / total) for rank, topic in enumerate(unique, start=1)}
    if unique:
        units[unique[0]] += WISH_UNITS - sum(units.values())
    return units


def weekly_slots(windows: tuple[MeetingWindow, ...], time_zone: str, week: datetime) -> int:
    """The meeting windows as half hours of the week in UTC, at the clock times of the week that begins on `week` (a
    Monday). Somebody who named no window can meet in all of them."""
    offset = _offset_slots(time_zone, week)
    mask = 0
    for window in windows or tuple(MeetingWindow):
        mask |= _window_slots(window, offset)
    return mask


def local_days(slots: int, offset: int) -> tuple[str, ...]:
    """The working days on which half hours of the week in UTC lie on a clock that is `offset` half hours ahead."""
    shift = offset % SLOTS_A_WEEK
    local = slots << shift | slots >> (SLOTS_A_WEEK - shift)
    return tuple(day for number, day in enumerate(DAYS) if local >> number * SLOTS_A_DAY & ((1 << SLOTS_A_DAY) - 1))


@cache
def _window_slots(window: MeetingWindow, offset: int) -> int:
    day, half = window.value.split("-")
    start = (DAYS.index(day) * 24 + STARTS[half]) * 2 - offset
    return sum(1 << (slot % SLOTS_A_WEEK) for slot in range(start, start + SLOTS_A_WINDOW))


@lru_cache(maxsize=1024)
def _offset_slots(time_zone: str, week: datetime) -> int:
    """Half hours east of UTC, in the middle of that week."""
    offset = week.astimezone(_zone(time_zone)).utcoffset()
    return round(offset.total_seconds() / 1800) if offset is not None else 0


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # what ZoneInfo raises for names that are no zone
        return UTC
