"""People and pools for the tests of matching's rules: single people, pools from Hypothesis, and large random pools."""

import random
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from hypothesis import strategies as st

from services.matching.engine.computation import Result
from services.matching.engine.inputs import Held, Inputs, canonical, participants, rules_of
from services.matching.engine.rules import eligibility, scoring
from services.matching.engine.rules.pool import Ints, Pool
from services.matching.engine.solver.grid import NEVER, Grid
from services.matching.engine.steering import PersonCouple
from shared.contracts.intake import MeetingWindow, PoolPerson
from shared.contracts.programs import Direction, MatchingPolicy

CYCLE = UUID("11111111-1111-4111-8111-111111111111")
LABELS = {"ai": "Generative AI", "data": "Data literacy"}
TOPICS = ("ai", "data", "law")
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "no such zone")


def person(**features: Any) -> PoolPerson:
    base = {
        "person_id": uuid4(),
        "role": "both",
        "level": 1,
        "department": "IT",
        "time_zone": "Europe/Berlin",
        "languages": ("en",),
    }
    return PoolPerson.model_validate(base | features)


def junior(**features: Any) -> PoolPerson:
    """A mentor of a reverse program."""
    return person(**{"role": "mentor", "level": 1, "topics_taught": ("ai",)} | features)


def senior(**features: Any) -> PoolPerson:
    """A mentee of a reverse program."""
    return person(**{"role": "mentee", "level": 3, "department": "Sales", "topics_wanted": ("ai",)} | features)


def juniors(count: int, **features: Any) -> list[PoolPerson]:
    return [junior(**features) for _ in range(count)]


def seniors(count: int, **features: Any) -> list[PoolPerson]:
    return [senior(**features) for _ in range(count)]


def inputs(people: list[PoolPerson], direction: Direction = Direction.REVERSE, **more: Any) -> Inputs:
    """Canonical inputs; `policy` is given as a dictionary."""
    base = {"cycle_id": CYCLE, "direction": direction, "labels": LABELS, "people": tuple(people)}
    policy = MatchingPolicy.model_validate(more.pop("policy", {}))
    return canonical(Inputs.model_validate(base | {"policy": policy} | more))


def grid_of(found: Inputs) -> Grid:
    return Grid(Pool(participants(found)), rules_of(found))


def couples(result: Result) -> set[tuple[UUID, UUID]]:
    return {(pair.mentor_id, pair.mentee_id) for pair in result.pairs}


def only(**weights: int) -> dict[str, Any]:
    """A policy in which nothing else has a weight."""
    return {"weights": dict.fromkeys((preference.value for preference in scoring.Preference), 0) | weights}


# ── What is true of single couples, asked one at a time ──────────────────────────────────────────────────────────────


def allowed(found: Inputs) -> dict[tuple[UUID, UUID], int]:
    """Every couple (mentor, mentee) that may be chosen, with its points."""
    pool, rules = Pool(participants(found)), rules_of(found)
    mentors, mentees = (ends.ravel() for ends in np.meshgrid(pool.mentors, pool.mentees))
    points = scoring.points(pool, rules, mentors, mentees)
    fine = points >= scoring.floor_points(rules)
    for broken in eligibility.violations(pool, rules, mentors, mentees).values():
        fine &= ~broken
    ids = [one.person_id for one in pool.people]
    some = zip(mentors[fine].tolist(), mentees[fine].tolist(), points[fine].tolist(), strict=True)
    return {(ids[mentor], ids[mentee]): value for mentor, mentee, value in some}


def places(found: Inputs) -> tuple[Counter[UUID], Counter[UUID]]:
    """Places that the cycle's pairs and the steering leave, as mentor and as mentee."""
    mentors: Counter[UUID] = Counter()
    mentees: Counter[UUID] = Counter()
    for one in found.people:
        if one.person_id not in found.steering.dropped:
            mentors[one.person_id] = one.mentor_capacity if one.role != "mentee" else 0
            mentees[one.person_id] = one.mentee_capacity if one.role != "mentor" else 0
    for held in found.held:
        mentors[held.person_id] -= held.as_mentor
        mentees[held.person_id] -= held.as_mentee
    for pin in (*found.steering.pins, *found.steering.by_hand):
        mentors[pin.mentor_id] -= 1
        mentees[pin.mentee_id] -= 1
    return mentors, mentees


def in_a_pair(found: Inputs) -> set[UUID]:
    """Who is in one already, and counts for nothing more."""
    fixed = [(pin.mentor_id, pin.mentee_id) for pin in (*found.steering.pins, *found.steering.by_hand)]
    return {one for pair in fixed for one in pair} | {
        held.person_id for held in found.held if held.as_mentor + held.as_mentee
    }


# ── Pools from Hypothesis ────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def people(draw: st.DrawFn, direction: Direction, *, most: int = 7, both: bool = True) -> list[PoolPerson]:
    """Few people with few different features, so that rules and ties are hit often."""
    count = draw(st.integers(4, most))
    ids = [UUID(int=number) for number in draw(st.permutations(range(1, count + 1)))]
    some = st.lists(st.sampled_from(ids), max_size=2, unique=True)
    topics = st.lists(st.sampled_from(TOPICS), max_size=3, unique=True)
    others = [draw(st.sampled_from(["mentor", "mentee", "both"][: 2 + both])) for _ in ids[2:]]
    found = []
    for one, role in zip(ids, ["mentor", "mentee", *others], strict=True):
        lowest, highest = {"mentor": (1, 3), "mentee": (2, 4), "both": (1, 4)}[role]
        level = draw(st.integers(lowest, highest))
        found.append(
            person(
                person_id=one,
                role=role,
                level=5 - level if direction is Direction.TRADITIONAL else level,
                department=draw(st.sampled_from(["IT", "Sales", ""])),
                location=draw(st.sampled_from(["Berlin", "Pune", ""])),
                time_zone=draw(st.sampled_from(ZONES)),
                languages=draw(st.sampled_from([("en",), ("en-GB", "de"), ("de",)])),
                managers=[boss for boss in draw(st.one_of(st.just([]), some)) if boss != one],
                topics_taught=draw(topics),
                taught_levels={topic: draw(st.integers(1, 3)) for topic in TOPICS},
                topics_wanted=draw(topics),
                mentor_capacity=draw(st.integers(1, 3)),
                mentee_capacity=draw(st.integers(1, 3)),
                meeting_windows=draw(st.lists(st.sampled_from(MeetingWindow), max_size=3, unique=True)),
                preferred=draw(some),
                avoided=draw(st.one_of(st.just([]), st.just([]), some)),
            )
        )
    return found


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    smallest = draw(st.sampled_from([0, 0, 1, 2]))
    objective = draw(st.sampled_from(["coverage_first", "quality_first"]))
    return {
        "objective": objective,
        "floor": draw(st.sampled_from([0, 10, 30])) if objective == "quality_first" else 0,
        "min_level_gap": smallest,
        "max_level_gap": draw(st.sampled_from([None, None, smallest + 1])),
        "reporting_line": draw(st.booleans()),
        "same_manager": draw(st.booleans()),
        "different_department": draw(st.sampled_from([False, False, False, True])),
        "common_language": draw(st.sampled_from([False, False, True])),
        "min_common_hours": draw(st.sampled_from([0, 0, 0, 0.5, 4])),
        "location": draw(st.sampled_from(["same", "different"])),
        "weights": {preference.value: draw(st.integers(0, 10)) for preference in scoring.Preference},
    }


@st.composite
def runs(
    draw: st.DrawFn,
    *,
    most_couples: int = 0,
    steered: bool = True,
    objective: str | None = None,
    most: int = 7,
    both: bool = True,
) -> Inputs:
    """Inputs of a small run; with `most_couples`, so many at most are left allowed."""
    direction = draw(st.sampled_from(Direction))
    found_people = draw(people(direction, most=most, both=both))
    ids = [one.person_id for one in found_people]
    couple = st.tuples(st.sampled_from(ids), st.sampled_from(ids)).filter(lambda two: two[0] != two[1])
    policy = draw(policies())
    if objective:
        policy |= {"objective": objective, "floor": 0}
    found = inputs(
        found_people,
        direction,
        policy=policy,
        past=[(*two, draw(st.integers(1, 2))) for two in draw(st.lists(couple, max_size=1))],
        tried=draw(st.lists(couple, max_size=1)),
        waited=draw(st.lists(st.sampled_from(ids), max_size=2)),
    )
    if steered:
        found = with_held(found, draw(st.lists(st.sampled_from(ids), max_size=2, unique=True)))
        found = pinned(found, draw(st.integers(0, 5)))
    some = sorted(allowed(found))
    if most_couples and len(some) > most_couples:
        kept = set(draw(st.permutations(some))[:most_couples])
        found = forbidding(found, [two for two in some if two not in kept and (two[1], two[0]) not in kept])
    return found


def with_held(found: Inputs, ids: list[UUID]) -> Inputs:
    """The same, with a place of each of these people taken by a pair that stands."""
    roles = {one.person_id: one.role for one in found.people}
    held = [Held(person_id=one, as_mentor=roles[one] != "mentee", as_mentee=roles[one] == "mentee") for one in ids]
    return canonical(found.model_copy(update={"held": tuple(held)}))


def pinned(found: Inputs, number: int) -> Inputs:
    """The same, with one of the allowed couples pinned, or none."""
    some = sorted(allowed(found))
    if number >= len(some):
        return found
    return pin(found, some[number])


def pin(found: Inputs, couple: tuple[UUID, UUID]) -> Inputs:
    pins = (*found.steering.pins, PersonCouple(mentor_id=couple[0], mentee_id=couple[1]))
    return found.model_copy(update={"steering": found.steering.model_copy(update={"pins": pins})})


def forbidding(found: Inputs, forbidden: list[tuple[UUID, UUID]]) -> Inputs:
    more = tuple(PersonCouple(mentor_id=one, mentee_id=other) for one, other in forbidden)
    every = (*found.steering.forbidden, *more)
    return found.model_copy(update={"steering": found.steering.model_copy(update={"forbidden": every})})


def scores_by_rules(grid: Grid) -> Ints:
    """The scores of all couples of the grid, by asking the rules about each: NEVER where a constraint is violated."""
    rows, columns = np.indices(grid.shape)
    mentors, mentees = grid.rows[rows.ravel()], grid.columns[columns.ravel()]
    found = scoring.points(grid.pool, grid.rules, mentors, mentees)
    for violated in eligibility.violations(grid.pool, grid.rules, mentors, mentees).values():
        found = np.where(violated, int(NEVER), found)
    return np.where(found < scoring.floor_points(grid.rules), int(NEVER), found).reshape(grid.shape)


# ── Large random pools ───────────────────────────────────────────────────────────────────────────────────────────────


def crowd(count: int, seed: int, roles: tuple[str, ...] = ("mentor", "mentee"), capacity: int = 1) -> list[PoolPerson]:
    """So many people of a company, with ties and with a few who are hard to match."""
    chance = random.Random(seed)
    ids = [UUID(int=chance.getrandbits(120)) for _ in range(count)]
    topics = [f"t{number}" for number in range(12)]
    levels = {"mentor": (1, 2, 3, 4), "mentee": (3, 4, 5, 6), "both": (1, 2, 3, 4, 5)}
    found = []
    for number, one in enumerate(ids):
        role = roles[number % len(roles)]
        taught = chance.sample(topics, chance.randint(1, 4))
        found.append(
            person(
                person_id=one,
                role=role,
                level=chance.choice(levels[role]),
                department=f"d{chance.randint(1, 6)}",
                location=f"l{chance.randint(1, 5)}",
                time_zone=chance.choice(ZONES),
                languages=chance.choice([("en",), ("en",), ("en", "de"), ("de",)]),
                managers=(chance.choice(ids[: count // 5 or 1]),),
                topics_taught=taught,
                taught_levels={topic: chance.randint(1, 3) for topic in taught},
                topics_wanted=chance.sample(topics, 3),
                mentor_capacity=chance.randint(1, capacity),
                mentee_capacity=chance.randint(1, capacity),
                meeting_windows=chance.sample(list(MeetingWindow), 4),
                preferred=chance.sample(ids, 1),
            )
        )
    return found
