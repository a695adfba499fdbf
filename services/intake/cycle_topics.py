"""The topics of a cycle, which the service programs knows.

A cycle takes a copy of its program's topics when it is requested, and they never change afterwards. Each process
therefore asks for them once a cycle and then remembers them.
"""

from uuid import UUID

from shared.contracts.base import Service
from shared.contracts.programs import CycleBrief, Topic
from shared.http.internal import Internal

MOST_CYCLES = 1000
"""The cycles whose topics are remembered; those that were asked for first are forgotten first."""

_remembered: dict[tuple[UUID, UUID], tuple[Topic, ...]] = {}
"""Topics by organization and cycle."""


async def read_topics(internal: Internal, organization_id: UUID, cycle_id: UUID) -> tuple[Topic, ...]:
    """The topics that people may teach and learn in this cycle, in the program's order.

    Raises NotFound for a cycle that the organization does not have, and `httpx.HTTPError` while programs is away.
    """
    key = (organization_id, cycle_id)
    if (topics := _remembered.get(key)) is not None:
        return topics
    brief = await internal.get(Service.PROGRAMS, f"/cycles/{cycle_id}", CycleBrief, organization_id)
    _remembered[key] = brief.topics
    while len(_remembered) > MOST_CYCLES:
        del _remembered[next(iter(_remembered))]
    return brief.topics
