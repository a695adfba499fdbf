"""What the page of one person shows. Pure."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from pydantic import AwareDatetime

from services.console.admin.people.resources import Person
from services.console.words.codes import TEACHING, WINDOWS
from shared.contracts.base import Contract
from shared.contracts.intake import EnrolmentRole, TeachingLevel
from shared.contracts.matching import PairState
from shared.language.words import Words, translatable

ROLES = {
    EnrolmentRole.MENTOR: translatable("As a mentor"),
    EnrolmentRole.MENTEE: translatable("As a mentee"),
    EnrolmentRole.BOTH: translatable("As mentor and mentee"),
}
CONCERNS = {
    "missed_check_ins": translatable("Two check-ins were missed"),
    "not_a_fit": translatable("Said that they are not a good fit"),
}
SENDING = {
    "waiting": translatable("Waiting"),
    "sent": translatable("Sent"),
    "failed": translatable("Failed"),
    "dropped": translatable("Not needed any more"),
}
MESSAGES = {
    "enrolment_invitation": translatable("Invitation to enrol"),
    "enrolment_reminder": translatable("Reminder to enrol"),
    "acceptance_invitation": translatable("Offer of a partner"),
    "acceptance_reminder": translatable("Reminder of an offer"),
    "check_in_invitation": translatable("Invitation to a check-in"),
    "check_in_reminder": translatable("Reminder of a check-in"),
    "survey_invitation": translatable("Invitation to the closing survey"),
    "survey_reminder": translatable("Reminder of the closing survey"),
    "kickoff": translatable("Kickoff"),
    "unmatched": translatable("No partner was found"),
    "pair_ended": translatable("The pair has ended"),
    "partner_left": translatable("The partner has left"),
    "cycle_cancelled": translatable("The cycle was cancelled"),
    "cycle_completed": translatable("The cycle has ended"),
}
"""Other messages are for coordinators and sponsors."""
OTHER_MESSAGE = translatable("Message to coordinators and sponsors")
CURRENT = {PairState.PROPOSED, PairState.OFFERED, PairState.ACTIVE, PairState.ON_HOLD}


class Enrolment(Contract):
    cycle_id: UUID
    role: EnrolmentRole | None
    topics_taught: tuple[str, ...]
    taught_levels: Mapping[str, int]
    topics_wanted: tuple[str, ...]
    mentor_capacity: int
    mentee_capacity: int
    languages: tuple[str, ...]
    meeting_windows: tuple[str, ...]
    preferred: tuple[UUID, ...]
    submitted_at: AwareDatetime


class Enrolments(Contract):
    items: tuple[Enrolment, ...] = ()
    links: int = 0


class Pair(Contract):
    id: UUID
    cycle_id: UUID
    mentor_id: UUID
    mentee_id: UUID
    state: PairState
    proposed_at: AwareDatetime
    activated_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None


class Pairs(Contract):
    items: tuple[Pair, ...] = ()
    total: int | None = None


class Message(Contract):
    id: UUID
    template: str
    state: str
    due_at: AwareDatetime
    sent_at: AwareDatetime | None = None


class Messages(Contract):
    items: tuple[Message, ...] = ()
    total: int | None = None


class Concern(Contract):
    id: UUID
    cycle_id: UUID
    pair_id: UUID
    reason: str | None = None
    state: str
    raised_at: AwareDatetime


class Concerns(Contract):
    items: tuple[Concern, ...] = ()
    total: int | None = None


class Topic(Contract):
    code: str
    label: str


class Program(Contract):
    name: str
    time_zone: str
    topics: tuple[Topic, ...] = ()


class Cycle(Contract):
    id: UUID
    program_id: UUID
    period: str


class Place(NamedTuple):
    """A cycle and its program."""

    cycle: Cycle
    program: Program

    def topic(self, code: str) -> str:
        return next((topic.label for topic in self.program.topics if topic.code == code), code)


class Found(NamedTuple):
    """What the API says about somebody, as far as the visitor's role may read it."""

    person: Person
    etag: str
    names: Mapping[UUID, str]
    """Of everybody whom the page names."""
    places: Mapping[UUID, Place]
    pairs: Pairs
    enrolments: Enrolments | None
    messages: Messages | None
    concerns: Concerns | None
    """None: the visitor's role may not read them."""


class PairRow(NamedTuple):
    pair: Pair
    place: Place | None
    partner_id: UUID
    partner: str
    """Empty if nobody of the directory has this id."""
    is_mentor: bool


class EnrolmentRow(NamedTuple):
    enrolment: Enrolment
    place: Place | None
    facts: list[tuple[str, str]]
    """What they said, as a name and its words."""


class PersonPage(NamedTuple):
    found: Found
    pairs: list[PairRow]
    enrolments: list[EnrolmentRow]

    @property
    def person(self) -> Person:
        return self.found.person

    @property
    def manager(self) -> str:
        return self.found.names.get(self.person.manager_id, "") if self.person.manager_id else ""

    def place(self, cycle_id: UUID) -> Place | None:
        return self.found.places.get(cycle_id)


def people_named(person: Person, pairs: Pairs, enrolments: Enrolments | None) -> set[UUID]:
    """Everybody besides the person whom the page names."""
    named = {one for pair in pairs.items for one in (pair.mentor_id, pair.mentee_id)}
    named |= {one for enrolment in (enrolments.items if enrolments else ()) for one in enrolment.preferred}
    return (named | ({person.manager_id} if person.manager_id else set())) - {person.id}


def page_of(found: Found, words: Words) -> PersonPage:
    """The page, its current pairs first."""
    newest = sorted(found.pairs.items, key=lambda pair: pair.proposed_at, reverse=True)
    pairs = [_pair_row(found, pair) for pair in sorted(newest, key=lambda pair: pair.state not in CURRENT)]
    given = found.enrolments.items if found.enrolments else ()
    enrolments = [EnrolmentRow(one, found.places.get(one.cycle_id), list(_facts(found, one, words))) for one in given]
    return PersonPage(found, pairs, enrolments)


def _pair_row(found: Found, pair: Pair) -> PairRow:
    is_mentor = pair.mentor_id == found.person.id
    partner = pair.mentee_id if is_mentor else pair.mentor_id
    return PairRow(pair, found.places.get(pair.cycle_id), partner, found.names.get(partner, ""), is_mentor)


def _facts(found: Found, said: Enrolment, words: Words) -> Iterator[tuple[str, str]]:
    if said.role is None:
        return
    place = found.places.get(said.cycle_id)

    def topic(code: str) -> str:
        return place.topic(code) if place else code

    if said.topics_taught:
        told = [f"{topic(code)} ({_level(said, code, words)})" for code in said.topics_taught]
        yield words.gettext("Teaches"), words.listed(told)
    if said.topics_wanted:
        yield words.gettext("Wants to learn"), words.listed(map(topic, said.topics_wanted))
    places = {EnrolmentRole.MENTOR: said.mentor_capacity, EnrolmentRole.MENTEE: said.mentee_capacity}
    most = sum(places.values()) if said.role is EnrolmentRole.BOTH else places[said.role]
    yield words.gettext("Pairs at most"), words.number(most)
    if said.languages:
        yield words.gettext("Languages"), words.listed(map(words.language_name, said.languages))
    if said.meeting_windows:
        times = [words.gettext(WINDOWS[one]) if one in WINDOWS else one for one in said.meeting_windows]
        yield words.gettext("Can meet"), words.listed(times)
    if said.preferred:
        unknown = words.gettext("somebody who is not in the directory any more")
        yield words.gettext("Wishes for"), words.listed(found.names.get(one, unknown) for one in said.preferred)


def _level(said: Enrolment, code: str, words: Words) -> str:
    return words.gettext(TEACHING[TeachingLevel(said.taught_levels.get(code, TeachingLevel.EXPERT))]).lower()
