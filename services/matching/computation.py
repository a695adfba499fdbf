"""One match run as a pure function of its stored inputs: run it again and it gives the same result.

`compute` is eligibility, scoring, assignment and explanation in one row. People are put in an order made of a hash of
their id with the cycle's id: between equally good results the choice neither favours low ids nor depends on the order
in which people were read, and it repeats. Nothing here knows a name.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from services.matching import assignment, eligibility, scoring
from services.matching.assignment import Candidate, Places
from services.matching.eligibility import Rules
from services.matching.participant import Participant, prepare
from services.matching.unmatched import Unmatched, explain
from shared.contracts.base import Contract
from shared.contracts.intake import PoolPerson
from shared.contracts.programs import Direction, MatchingPolicy

CODE_VERSION = "1"
"""Raise when the same inputs would give another result."""
Couple = tuple[UUID, UUID]


class Held(Contract):
    """Places that a person's offered and live pairs of this cycle take."""

    person_id: UUID
    as_mentor: int = 0
    as_mentee: int = 0


class Inputs(Contract):
    """Everything that the result depends on, in a canonical order: build it with `canonical`."""

    cycle_id: UUID
    """Also the seed of the order that breaks ties."""
    direction: Direction
    policy: MatchingPolicy
    labels: dict[str, str]
    """Topic labels by code, for the reasons."""
    people: tuple[PoolPerson, ...]
    held: tuple[Held, ...] = ()
    past: tuple[Couple, ...] = ()
    tried: tuple[Couple, ...] = ()

    def hash(self) -> str:
        return hashlib.sha256(f"{CODE_VERSION}\n{self.model_dump_json()}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ProposedPair:
    mentor_id: UUID
    mentee_id: UUID
    points: int
    contributions: dict[str, int]
    reasons: tuple[str, ...]
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    pairs: tuple[ProposedPair, ...]
    unmatched: tuple[Unmatched, ...]
    mentors: int
    mentees: int
    optimal: bool


def canonical(inputs: Inputs) -> Inputs:
    """The same inputs in the one order that their hash is taken of; couples of people outside the pool are dropped."""
    pool = {person.person_id for person in inputs.people}

    def ordered(couples: Iterable[Couple]) -> tuple[Couple, ...]:
        return tuple(sorted({(min(couple), max(couple)) for couple in couples if pool.issuperset(couple)}))

    return inputs.model_copy(
        update={
            "labels": dict(sorted(inputs.labels.items())),
            "people": tuple(sorted(inputs.people, key=lambda person: person.person_id)),
            "held": tuple(sorted(inputs.held, key=lambda held: held.person_id)),
            "past": ordered(inputs.past),
            "tried": ordered(inputs.tried),
        }
    )


def compute(inputs: Inputs) -> Result:
    """Pairs for the people who have places left, and a reason for everyone who is in no pair."""
    rules = Rules(
        direction=inputs.direction,
        policy=inputs.policy,
        past=eligibility.couples(inputs.past),
        tried=eligibility.couples(inputs.tried),
    )
    people = _participants(inputs)
    places = [Places(person.mentor_places, person.mentee_places, person.paired) for person in people]
    best = assignment.assign(places, find_candidates(people, rules))
    pairs = tuple(_propose(people[pair.mentor], people[pair.mentee], rules, inputs.labels) for pair in best.chosen)
    matched = {person_id for pair in pairs for person_id in (pair.mentor_id, pair.mentee_id)}
    left = (person for person in people if not person.paired and person.person_id not in matched)
    return Result(
        pairs=pairs,
        unmatched=tuple(explain(person, people, rules) for person in left),
        mentors=sum(person.is_mentor for person in people),
        mentees=sum(person.is_mentee for person in people),
        optimal=best.optimal,
    )


def find_candidates(people: list[Participant], rules: Rules) -> list[Candidate]:
    """Every eligible couple with its points, as indexes into `people`."""
    mentors = [(index, person) for index, person in enumerate(people) if person.mentor_places]
    mentees = [(index, person) for index, person in enumerate(people) if person.mentee_places]
    return [
        Candidate(mentor, mentee, scoring.points(one, other, rules))
        for mentor, one in mentors
        for mentee, other in mentees
        if eligibility.is_eligible(one, other, rules)
    ]


def _participants(inputs: Inputs) -> list[Participant]:
    held = {found.person_id: found for found in inputs.held}

    def order(person: PoolPerson) -> bytes:
        return hashlib.sha256(inputs.cycle_id.bytes + person.person_id.bytes).digest()

    none = Held(person_id=inputs.cycle_id)
    return [
        prepare(
            person,
            as_mentor=held.get(person.person_id, none).as_mentor,
            as_mentee=held.get(person.person_id, none).as_mentee,
        )
        for person in sorted(inputs.people, key=order)
    ]


def _propose(mentor: Participant, mentee: Participant, rules: Rules, labels: dict[str, str]) -> ProposedPair:
    contributions = scoring.contributions(mentor, mentee, rules)
    return ProposedPair(
        mentor_id=mentor.person_id,
        mentee_id=mentee.person_id,
        points=sum(contributions.values()),
        contributions={preference.value: points for preference, points in contributions.items()},
        reasons=scoring.reasons(mentor, mentee, rules, labels),
        topics=scoring.shared_topics(mentor, mentee, rules.direction),
    )
