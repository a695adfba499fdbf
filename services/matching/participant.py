"""A person of the pool, prepared for matching: sets instead of lists, free places instead of capacities, hours in UTC.

Eligibility and scoring look at every possible couple, so everything that depends on one person alone is computed
here, once a person. Pure: no database, no network, no clock.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.contracts.intake import EnrolmentRole, MeetingWindow, PoolPerson

SLOTS_A_WEEK = 7 * 24 * 2
"""Half hours, because some time zones are half an hour apart."""
REFERENCE_WEEK = datetime(2025, 1, 6, tzinfo=UTC)
"""A Monday. Windows are compared in the standard time of one fixed week, so that a replay gives the same result."""
STARTS = {"am": 8, "pm": 13}
SLOTS_A_WINDOW = 8
"""Mornings are 8 to 12, afternoons 13 to 17, local time."""
DAYS = ("mon", "tue", "wed", "thu", "fri")


@dataclass(frozen=True, slots=True)
class Participant:
    """One enrolled person. `mentor_places` and `mentee_places` are free places: 0 for a role that was not asked for."""

    person_id: UUID
    is_mentor: bool
    is_mentee: bool
    mentor_places: int
    mentee_places: int
    paired: bool
    """Already in an offered or live pair of this cycle (runs that replace declined pairs)."""
    level: int
    department: str
    managers: frozenset[UUID]
    languages: frozenset[str]
    taught: frozenset[str]
    wanted: dict[str, float]
    """Share of each wanted topic, most wanted first; the shares add up to 1."""
    slots: int
    """Half hours of the week in UTC in which the person can meet, as a bit mask."""
    preferred: frozenset[UUID]
    avoided: frozenset[UUID]


def prepare(person: PoolPerson, *, as_mentor: int = 0, as_mentee: int = 0) -> Participant:
    """The person with the places left after `as_mentor` and `as_mentee` offered or live pairs of this cycle."""
    is_mentor = person.role in (EnrolmentRole.MENTOR, EnrolmentRole.BOTH)
    is_mentee = person.role in (EnrolmentRole.MENTEE, EnrolmentRole.BOTH)
    return Participant(
        person_id=person.person_id,
        is_mentor=is_mentor,
        is_mentee=is_mentee,
        mentor_places=max(person.mentor_capacity - as_mentor, 0) if is_mentor else 0,
        mentee_places=max(person.mentee_capacity - as_mentee, 0) if is_mentee else 0,
        paired=as_mentor + as_mentee > 0,
        level=person.level,
        department=person.department.strip().casefold(),
        managers=frozenset(person.managers),
        languages=frozenset(language.split("-")[0].casefold() for language in person.languages),
        taught=frozenset(person.topics_taught),
        wanted=wish_shares(person.topics_wanted),
        slots=weekly_slots(person.meeting_windows, person.time_zone),
        preferred=frozenset(person.preferred),
        avoided=frozenset(person.avoided),
    )


def wish_shares(topics: tuple[str, ...]) -> dict[str, float]:
    """How much of the wish each topic is: the second counts half of the first, the third a third, and so on."""
    unique = list(dict.fromkeys(topics))
    total = sum(1 / rank for rank in range(1, len(unique) + 1))
    return {topic: 1 / rank / total for rank, topic in enumerate(unique, start=1)}


def weekly_slots(windows: tuple[MeetingWindow, ...], time_zone: str) -> int:
    """The meeting windows as half hours of the week in UTC. Someone who named none can meet in all of them."""
    offset = _offset_slots(time_zone)
    mask = 0
    for window in windows or tuple(MeetingWindow):
        day, half = window.value.split("-")
        start = (DAYS.index(day) * 24 + STARTS[half]) * 2 - offset
        for slot in range(start, start + SLOTS_A_WINDOW):
            mask |= 1 << (slot % SLOTS_A_WEEK)
    return mask


def common_hours(one: Participant, other: Participant) -> float:
    """Hours a week in which both can meet."""
    return (one.slots & other.slots).bit_count() / 2


@lru_cache(maxsize=1024)
def _offset_slots(time_zone: str) -> int:
    offset = REFERENCE_WEEK.astimezone(_zone(time_zone)).utcoffset()
    return round(offset.total_seconds() / 1800) if offset is not None else 0


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # what ZoneInfo raises for names that are no zone
        return UTC
