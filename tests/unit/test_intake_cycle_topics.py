"""The topics of a cycle are asked for once, by every organization for itself."""

from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from services.intake import cycle_topics
from services.intake.cycle_topics import read_topics
from shared.contracts.base import Service
from shared.contracts.programs import Direction, MatchingPolicy, Topic
from shared.errors import NotFound
from shared.http.internal import Internal

TOPICS = (Topic(code="ai", label="Artificial intelligence"),)


class Programs:
    """A stand-in for the client that asks programs, which knows one organization and counts what it is asked."""

    def __init__(self, organization_id: UUID) -> None:
        self.organization_id = organization_id
        self.asked = 0

    async def get(self, service: Service, path: str, answer: Any, organization_id: UUID) -> Any:
        self.asked += 1
        if organization_id != self.organization_id:
            raise NotFound("There is no such cycle.", code="cycle_not_found")
        return SimpleNamespace(topics=TOPICS, direction=Direction.REVERSE, policy=MatchingPolicy())


@pytest.fixture
def programs() -> Programs:
    return Programs(uuid4())


@pytest.fixture
def internal(programs: Programs) -> Internal:
    return cast(Internal, programs)


async def test_a_cycle_s_topics_are_asked_for_once(programs: Programs, internal: Internal) -> None:
    cycle_id = uuid4()
    for _ in range(3):
        assert await read_topics(internal, programs.organization_id, cycle_id) == TOPICS
    assert programs.asked == 1


async def test_what_one_organization_knows_is_not_told_to_another(programs: Programs, internal: Internal) -> None:
    cycle_id = uuid4()
    await read_topics(internal, programs.organization_id, cycle_id)
    for _ in range(2):
        with pytest.raises(NotFound):
            await read_topics(internal, uuid4(), cycle_id)
    assert programs.asked == 3


async def test_only_so_many_cycles_are_remembered(
    programs: Programs, internal: Internal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cycle_topics, "MOST_CYCLES", 2)
    cycles = [uuid4() for _ in range(3)]
    for cycle_id in [*cycles, cycles[2], cycles[1]]:
        await read_topics(internal, programs.organization_id, cycle_id)
    assert programs.asked == 3
    await read_topics(internal, programs.organization_id, cycles[0])
    assert programs.asked == 4
