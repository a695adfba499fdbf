"""Pools of people as large companies have them: many share levels, departments and topics, so scores are full of ties.

Every number is drawn from a seeded generator: the same size and seed give the same pool.
"""

from uuid import UUID

import numpy as np

from services.matching.engine.inputs import Inputs, canonical
from shared.contracts.intake import EnrolmentRole, MeetingWindow, PoolPerson, TeachingLevel
from shared.contracts.programs import Direction, MatchingPolicy, Weights

TOPICS = tuple(f"topic-{number}" for number in range(30))
POPULARITY = 1 / np.arange(1, len(TOPICS) + 1) ** 0.7
ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "Asia/Kolkata", "Asia/Singapore")
JUNIOR = ((1, 2, 3, 4, 5), (0.25, 0.3, 0.25, 0.15, 0.05))
SENIOR = ((4, 5, 6, 7, 8, 9), (0.1, 0.25, 0.3, 0.2, 0.1, 0.05))
POLICY = MatchingPolicy(different_department=True, weights=Weights(location=1))


def make_inputs(pairs: int, seed: int = 1) -> Inputs:
    """As many junior mentors as senior mentees, each with one place, under `POLICY`."""
    draw = np.random.default_rng(seed)
    ids = [UUID(bytes=draw.bytes(16)) for _ in range(2 * pairs)]
    people = tuple(_person(draw, ids, number, mentor=number < pairs) for number in range(2 * pairs))
    return canonical(
        Inputs(cycle_id=UUID(int=seed), direction=Direction.REVERSE, policy=POLICY, labels={}, people=people)
    )


def _person(draw: np.random.Generator, ids: list[UUID], number: int, *, mentor: bool) -> PoolPerson:
    levels, shares = JUNIOR if mentor else SENIOR
    count = int(draw.integers(1, 6))
    topics = [TOPICS[one] for one in draw.choice(len(TOPICS), count, replace=False, p=POPULARITY / POPULARITY.sum())]
    windows = [tuple(MeetingWindow)[one] for one in draw.choice(10, int(draw.integers(2, 7)), replace=False)]
    speaks = float(draw.random())
    return PoolPerson(
        person_id=ids[number],
        role=EnrolmentRole.MENTOR if mentor else EnrolmentRole.MENTEE,
        level=int(draw.choice(levels, p=shares)),
        department=f"department {int(draw.integers(14))}",
        location=f"location {int(draw.integers(20))}",
        time_zone=str(draw.choice(ZONES, p=(0.5, 0.2, 0.15, 0.1, 0.05))),
        managers=(ids[len(ids) // 2 + int(draw.integers(len(ids) // 2))],),
        languages=("en",) if speaks < 0.85 else ("de",) if speaks < 0.92 else ("de", "en"),
        topics_taught=tuple(topics) if mentor else (),
        taught_levels={topic: TeachingLevel(int(draw.integers(1, 4))) for topic in topics} if mentor else {},
        topics_wanted=() if mentor else tuple(topics[:4]),
        meeting_windows=tuple(windows),
    )
