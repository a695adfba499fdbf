"""Intake: people, their enrolments, and the links by which participants answer."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from datetime import date, time
from enum import IntEnum, StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field, computed_field
from temporalio import activity

from shared.contracts.base import Contract
from shared.contracts.programs import Topic
from shared.contracts.rounds import RoundActivities, RoundKind


class EnrolmentRole(StrEnum):
    MENTOR = "mentor"
    MENTEE = "mentee"
    BOTH = "both"


class TeachingLevel(IntEnum):
    """How well a person can teach a topic."""

    BASICS = 1
    GOOD = 2
    EXPERT = 3


class MeetingWindow(StrEnum):
    """Half working days, in the person's own time zone."""

    MON_AM = "mon-am"
    MON_PM = "mon-pm"
    TUE_AM = "tue-am"
    TUE_PM = "tue-pm"
    WED_AM = "wed-am"
    WED_PM = "wed-pm"
    THU_AM = "thu-am"
    THU_PM = "thu-pm"
    FRI_AM = "fri-am"
    FRI_PM = "fri-pm"

    @property
    def weekday(self) -> int:
        """Counted from 0, which is Monday, as in `date.weekday`."""
        return ("mon", "tue", "wed", "thu", "fri").index(self.value[:3])

    @property
    def begins(self) -> time:
        return time(8) if self.value.endswith("am") else time(13)

    @property
    def ends(self) -> time:
        return time(12) if self.value.endswith("am") else time(17)


class PoolPerson(Contract):
    """One enrolled person as matching sees them: what counts for matching, without name or address."""

    person_id: UUID
    role: EnrolmentRole
    level: int
    department: str
    location: str = ""
    time_zone: str
    managers: tuple[UUID, ...] = ()
    """Everyone above the person in the reporting line, from the direct manager to the top."""
    languages: tuple[str, ...] = ()
    topics_taught: tuple[str, ...] = ()
    """Topic codes; aliases are already replaced by the codes that they mean."""
    taught_levels: dict[str, TeachingLevel] = {}
    """How well each topic is taught, by code; a topic that is missing counts as `EXPERT`."""
    topics_wanted: tuple[str, ...] = ()
    """Topic codes, most wanted first."""
    mentor_capacity: int = 1
    mentee_capacity: int = 1
    meeting_windows: tuple[MeetingWindow, ...] = ()
    preferred: tuple[UUID, ...] = ()
    """The people whom this person would like to be matched with, most wished for first."""
    avoided: tuple[UUID, ...] = ()
    """The people whom this person does not want to be matched with."""


class TopicSupply(Contract):
    """Supply of and demand for one topic."""

    topic: str
    """The topic's code."""
    label: str
    teachers: int
    """People who teach it."""
    places: int
    """How many people its teachers can mentor in all. A teacher's places count for each topic that they teach."""
    wanted_by: int
    """People who want to learn it, at any rank."""
    first_choice_of: int
    """People who want it most of all topics."""

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def gap(self) -> int:
        """How many people want it without a teacher who has a place for them."""
        return max(self.wanted_by - self.places, 0)


class TopicFigures(Contract):
    """What is shown of the supply of and the demand for one topic. A figure about fewer than five people is null."""

    topic: str
    """The topic's code."""
    label: str
    teachers: int | None
    """People who teach it."""
    places: int | None
    """How many people its teachers can mentor in all. A teacher's places count for each topic that they teach."""
    wanted_by: int | None
    """People who want to learn it, at any rank."""
    first_choice_of: int | None
    """People who want it most of all topics."""
    gap: int | None
    """How many people want it without a teacher who has a place for them."""
    suppressed: bool = False
    """Whether a figure is hidden, because it is about fewer than five people or would tell such a one."""


class PoolPage(Contract):
    people: tuple[PoolPerson, ...]
    after: UUID | None = None


class MeetingHours(Contract):
    """When one enrolled person can meet."""

    person_id: UUID
    time_zone: str
    meeting_windows: tuple[MeetingWindow, ...] = ()
    """In the person's own time zone. Without any, the person can meet in all of them."""


class MeetingHoursPage(Contract):
    people: tuple[MeetingHours, ...]
    after: UUID | None = None


class Away(Contract):
    """On which days somebody is away, by their own clock, and who stands in for them."""

    deputy_id: UUID
    first_day: date
    last_day: date

    def covers(self, day: date) -> bool:
        return self.first_day <= day <= self.last_day


class NamedPerson(Contract):
    """What lists tell of a person whom they name."""

    id: UUID
    name: str
    email: str
    job_title: str = ""
    department: str = ""
    location: str = ""
    level: int = 0
    active: bool = True


class NamedPeople(Contract):
    items: tuple[NamedPerson, ...] = ()
    """In no certain order. Whoever is not in the directory is missing."""


class Contact(Contract):
    """How to reach and address a person. It is read over internal HTTP only."""

    person_id: UUID
    name: str
    given_name: str
    email: str
    time_zone: str
    language: str
    """Empty if the directory does not say."""
    job_title: str = ""
    department: str = ""
    active: bool = True
    away: Away | None = None
    """An absence that is not over. It may lie ahead."""


def first_active(person_ids: Iterable[UUID], contacts: Mapping[UUID, Contact]) -> Contact | None:
    """The first of these people who can be reached. Of a program's coordinators it is the contact person."""
    found = (contacts.get(person_id) for person_id in person_ids)
    return next((contact for contact in found if contact is not None and contact.active), None)


class ReadContacts(Contract):
    person_ids: Annotated[tuple[UUID, ...], Field(max_length=1000)]


class FindPeople(Contract):
    """Asks whose name or address contains each of these words."""

    words: Annotated[str, Field(max_length=100)]


class Contacts(Contract):
    contacts: tuple[Contact, ...]
    """The people who exist, in no particular order."""


class MintLinks(Contract):
    """Asks for one new link for each person. Earlier links of the same round stay valid."""

    round_id: UUID
    kind: RoundKind
    cycle_id: UUID
    person_ids: Annotated[tuple[UUID, ...], Field(max_length=1000)]


class MintedLink(Contract):
    person_id: UUID
    token: str
    """The secret part of the link. Only its hash is stored."""


class MintedLinks(Contract):
    links: tuple[MintedLink, ...]


class ResolveLink(Contract):
    token: Annotated[str, Field(repr=False, min_length=20, max_length=200)]


class LinkGrant(Contract):
    """What a link allows: this person may answer this round while it is open."""

    organization_id: UUID
    cycle_id: UUID
    round_id: UUID
    kind: RoundKind
    person_id: UUID
    given_name: str
    closes_at: AwareDatetime
    time_zone: str = ""
    """The person's own, in which pages show times. Empty only from a process of the version before."""
    language: str = ""
    """The person's own, in which pages are shown. Empty if the directory does not say."""


class LinkOrigin(Contract):
    """Where a link comes from, which also one tells whose round is over. It allows nothing."""

    organization_id: UUID
    cycle_id: UUID
    language: str = ""
    """The person's own, in which pages are shown. Empty if the directory does not say."""


class FindColleagues(Contract):
    """A search of a participant for people whom they know, by the link to their enrolment."""

    token: Annotated[str, Field(repr=False, min_length=20, max_length=200)]
    text: Annotated[str, Field(repr=False, max_length=254)]
    """An address as a whole, or at least three letters with which a name begins."""


class Colleague(Contract):
    """What is told of a person who was found."""

    name: str
    job_title: str
    department: str
    email: str


class Colleagues(Contract):
    people: tuple[Colleague, ...]
    more: bool = False
    """Whether more people than these fit."""


class EnrolmentAnswer(Contract):
    """A person's answer to the enrolment. The role None means that they do not take part this time."""

    role: EnrolmentRole | None
    topics_taught: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    """Topic codes, labels or aliases of the program."""
    taught_levels: Annotated[dict[str, TeachingLevel], Field(max_length=20)] = {}
    """How well each of `topics_taught` is taught, by code, label or alias. A topic that is missing counts as 3."""
    topics_wanted: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    """Most wanted first."""
    mentor_capacity: Annotated[int, Field(ge=1, le=5)] = 1
    mentee_capacity: Annotated[int, Field(ge=1, le=5)] = 1
    languages: Annotated[tuple[str, ...], Field(max_length=10)] = ()
    """BCP 47 codes. If empty, the language of the directory counts."""
    meeting_windows: tuple[MeetingWindow, ...] = ()
    preferred_emails: Annotated[tuple[str, ...], Field(max_length=5)] = ()
    """Most wished for first."""
    avoided_emails: Annotated[tuple[str, ...], Field(max_length=20)] = ()


class EnrolmentForm(Contract):
    """What the enrolment page shows."""

    program_name: str = ""
    """Not filled any more: a page has the name from the cycle's brief."""
    topics: tuple[Topic, ...]
    languages: tuple[str, ...]
    answer: EnrolmentAnswer | None = None
    roles_without_partner: tuple[EnrolmentRole, ...] = ()
    """The roles in which nobody in the directory could be this person's partner."""


class EnrolledCount(Contract):
    enrolled: int
    """People who have enrolled in the cycle so far, in any role."""


class Leaver(Contract):
    """Somebody who has left, according to the directory."""

    organization_id: UUID
    person_id: UUID
    left_at: AwareDatetime
    """When the directory said so."""


class LeaverExcused(Contract):
    gone: bool
    """False if the person has returned meanwhile. Nothing was done then."""


class IntakeActivities(RoundActivities):
    """The activities of intake, which owns the enrolment round. It asks every active person of the directory."""

    @activity.defn
    @abstractmethod
    async def excuse_leaver(self, request: Leaver) -> LeaverExcused:
        """Takes a leaver out of every open round, so that no round waits for their answer."""
