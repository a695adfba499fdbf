"""What a match run is computed from: everything that its result depends on, in one canonical order.

People are put in an order made of a hash of their id with the seed: between equally good results the choice neither
favours low ids nor depends on the order in which people were read, and it repeats. Nothing here knows a name.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from services.matching.engine.rules.eligibility import Couple, Rules
from services.matching.engine.rules.participant import Participant, prepare
from services.matching.engine.steering import Steering
from shared.contracts.base import Contract
from shared.contracts.intake import PoolPerson
from shared.contracts.programs import Direction, MatchingPolicy

CODE_VERSION = "2"
"""Raise when the same inputs would give another result."""
SEEDS = UUID("6f1d0c52-3c1b-5c62-9a43-52a4a8c0b2b7")
"""The namespace of the UUIDs that are made of texts."""


class Held(Contract):
    """How many of a person's places are taken by offered and live pairs of this cycle."""

    person_id: UUID
    as_mentor: int = 0
    as_mentee: int = 0


class Inputs(Contract):
    """Everything that the result depends on. `canonical` puts it into its canonical order."""

    cycle_id: UUID
    """Also the seed of the order that breaks ties."""
    direction: Direction
    policy: MatchingPolicy
    labels: dict[str, str]
    """Topic labels by code, for the reasons."""
    people: tuple[PoolPerson, ...]
    week: date = date(2025, 1, 6)
    """The Monday of the week whose clock times count for meeting windows."""
    held: tuple[Held, ...] = ()
    past: tuple[tuple[UUID, UUID, int], ...] = ()
    """Couples that met in earlier cycles, and how many cycles ago they last did."""
    tried: tuple[Couple, ...] = ()
    """Couples that were offered in this cycle already."""
    waited: tuple[UUID, ...] = ()
    """People who found no partner in an earlier cycle."""
    steering: Steering = Steering()

    def hash(self) -> str:
        return hash_of(self.model_dump(mode="json"))


def hash_of(document: Mapping[str, Any]) -> str:
    """The hash of inputs as JSON, whatever the order of their keys, and of the version of the code."""
    return hashlib.sha256(f"{CODE_VERSION}\n{_text(document)}".encode()).hexdigest()


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def seeded(inputs: Inputs, seed: str | None) -> Inputs:
    """The same inputs with this seed: a UUID, or any text, from which a UUID is made. Without a seed, one is made from
    all other inputs except the week, so that the same people break ties in the same way at any time of the year. What
    has its default is left out, so that a field that is added later changes no seed."""
    if seed:
        return inputs.model_copy(update={"cycle_id": _seed_of(seed)})
    others = inputs.model_dump(mode="json", exclude={"cycle_id", "week"}, exclude_defaults=True)
    made = uuid5(SEEDS, hashlib.sha256(_text(others).encode()).hexdigest())
    return inputs.model_copy(update={"cycle_id": made})


def _seed_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return uuid5(SEEDS, text)


def week_of(day: date) -> date:
    """The Monday of this day's week."""
    return day - timedelta(days=day.weekday())


def noon_of(week: date) -> datetime:
    """Noon of the Monday of a week, for which time zones are asked how far they are ahead."""
    return datetime(week.year, week.month, week.day, 12, tzinfo=UTC)


def canonical(inputs: Inputs) -> Inputs:
    """The same inputs in the one order that their hash is taken of. Where an order means something (wishes, the
    reporting line), it is kept. Couples of people outside the pool are dropped."""
    pool = {person.person_id for person in inputs.people}

    def ordered(couples: Iterable[Couple]) -> tuple[Couple, ...]:
        return tuple(sorted({(min(couple), max(couple)) for couple in couples if pool.issuperset(couple)}))

    past: dict[Couple, int] = {}
    for one, other, ago in inputs.past:
        for couple in ordered([(one, other)]):
            past[couple] = min(ago, past.get(couple, ago))
    return inputs.model_copy(
        update={
            "labels": dict(sorted(inputs.labels.items())),
            "people": tuple(sorted(map(_canonical_person, inputs.people), key=lambda person: person.person_id)),
            "held": tuple(sorted(inputs.held, key=lambda held: held.person_id)),
            "past": tuple((*couple, ago) for couple, ago in sorted(past.items())),
            "tried": ordered(inputs.tried),
            "waited": tuple(sorted(pool.intersection(inputs.waited))),
        }
    )


def _canonical_person(person: PoolPerson) -> PoolPerson:
    return person.model_copy(
        update={
            "languages": tuple(sorted(set(person.languages))),
            "topics_taught": tuple(sorted(set(person.topics_taught))),
            "taught_levels": dict(sorted(person.taught_levels.items())),
            "meeting_windows": tuple(sorted(set(person.meeting_windows))),
            "avoided": tuple(sorted(set(person.avoided))),
        }
    )


def rules_of(inputs: Inputs) -> Rules:
    steering = inputs.steering
    fixed = [(pair.mentor_id, pair.mentee_id) for pair in (*steering.pins, *steering.by_hand)]
    return Rules(
        direction=inputs.direction,
        policy=steering.policy or inputs.policy,
        past={(one, other): ago for one, other, ago in inputs.past},
        tried=frozenset((*inputs.tried, *fixed)),
        forbidden=frozenset((couple.mentor_id, couple.mentee_id) for couple in steering.forbidden),
    )


def participants(inputs: Inputs) -> list[Participant]:
    """The pool in the order that breaks ties. Pins and pairs by hand take places, as offered and live pairs do."""
    steering = inputs.steering
    fixed = (*steering.pins, *steering.by_hand)
    mentoring = Counter(pair.mentor_id for pair in fixed)
    learning = Counter(pair.mentee_id for pair in fixed)
    for held in inputs.held:
        mentoring[held.person_id] += held.as_mentor
        learning[held.person_id] += held.as_mentee
    waited, dropped = frozenset(inputs.waited), frozenset(steering.dropped)
    week = noon_of(inputs.week)

    def order(person: PoolPerson) -> bytes:
        return hashlib.sha256(inputs.cycle_id.bytes + person.person_id.bytes).digest()

    return [
        prepare(
            person,
            week,
            as_mentor=mentoring[person.person_id],
            as_mentee=learning[person.person_id],
            waited=person.person_id in waited,
            dropped=person.person_id in dropped,
        )
        for person in sorted(inputs.people, key=order)
    ]
