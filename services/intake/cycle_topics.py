"""The topics and the rules of a cycle, which the service programs knows.

A cycle takes a copy of its program's topics, direction and policy when it is requested, and they never change
afterwards. Each process therefore asks for them once a cycle and then remembers them.
"""

from typing import NamedTuple
from uuid import UUID

from shared.contracts.base import Service
from shared.contracts.programs import CycleBrief, Direction, MatchingPolicy, Topic
from shared.http.internal import Internal

MOST_CYCLES = 1000
"""The cycles whose terms are remembered; those that were asked for first are forgotten first."""


class Terms(NamedTuple):
    """What a cycle was requested with, as far as intake has to know it."""

    topics: tuple[Topic, ...]
    direction: Direction
    policy: MatchingPolicy


_remembered: dict[tuple[UUID, UUID], Terms] = {}
"""Terms by organization and cycle."""


async def read_topics(internal: Internal, organization_id: UUID, cycle_id: UUID) -> tuple[Topic, ...]:
    """The topics that people may teach and learn in this cycle, in the program's order. Raises what `read_terms`
    raises."""
    return (await read_terms(internal, organization_id, cycle_id)).topics


async def read_terms(internal: Internal, organization_id: UUID, cycle_id: UUID) -> Terms:
    """Raises NotFound for a cycle that the organization does not have, and `httpx.HTTPError` while programs is away."""
    key = (organization_id, cycle_id)
    if (terms := _remembered.get(key)) is not None:
        return terms
    brief = await internal.get(Service.PROGRAMS, f"/cycles/{cycle_id}", CycleBrief, organization_id)
    _remembered[key] = terms = Terms(brief.topics, brief.direction, brief.policy)
    while len(_remembered) > MOST_CYCLES:
        del _remembered[next(iter(_remembered))]
    return terms
