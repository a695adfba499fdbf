"""Reading of the public API what the pages of a cycle show, as the visitor."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import httpx

from services.console.admin.cycles.resources import (
    Cycle,
    Events,
    MatchRuns,
    Messages,
    Pairs,
    People,
    Person,
    Program,
    Topics,
)
from services.console.admin.cycles.view import COUNTED_PAIRS
from services.console.admin.visit import Visit
from shared.attention.resources import Counted
from shared.contracts.base import Service
from shared.contracts.matching import PairState
from shared.contracts.programs import Stage
from shared.errors import DomainError
from shared.http.public import PublicApi

PEOPLE_AT_ONCE = 200
MOST_FAILED = 10


class CycleOfProgram(NamedTuple):
    """A cycle and its program: the heading of all its pages."""

    cycle: Cycle
    program: Program


class Overview(NamedTuple):
    """What is read for the first page of a cycle."""

    messages: Messages
    runs: MatchRuns
    stages: Events
    newest: Events
    pairs: Mapping[PairState, int]
    topics: Topics
    open_concerns: int
    names: Mapping[UUID, Person]


async def read_cycle(visit: Visit, cycle_id: UUID) -> CycleOfProgram:
    """Raises NotFound."""
    cycle = await visit.api.get(Service.PROGRAMS, f"/cycles/{cycle_id}", Cycle)
    return CycleOfProgram(cycle, await visit.api.get(Service.PROGRAMS, f"/programs/{cycle.program_id}", Program))


async def read_overview(visit: Visit, cycle: Cycle, history: Iterable[str]) -> Overview:
    api, at = visit.api, f"/cycles/{cycle.id}"
    messages = await api.get(Service.NOTIFICATIONS, f"{at}/messages", Messages, {"limit": MOST_FAILED})
    stages = {"types": "cycle.stage_changed", "limit": 50}
    newest = await api.get(Service.EVENTS, f"{at}/events", Events, {"types": ",".join(history), "limit": 5})
    concerns = {"cycle_id": str(cycle.id), "state": "open", "limit": 1}
    people = [one.person_id for one in messages.failed] + people_in(newest)
    return Overview(
        messages,
        await api.get(Service.MATCHING, f"{at}/match-runs", MatchRuns),
        await api.get(Service.EVENTS, f"{at}/events", Events, stages),
        newest,
        await count_pairs(api, cycle.id),
        await read_topics(visit, cycle),
        (await api.get(Service.FEEDBACK, "/concerns", Counted, concerns)).total or 0,
        await read_names(api, people),
    )


async def read_topics(visit: Visit, cycle: Cycle) -> Topics:
    """Empty before people can enrol, and while the service that knows them is away."""
    if cycle.stage is Stage.SCHEDULED:
        return Topics()
    try:
        return await visit.api.get(Service.INTAKE, f"/cycles/{cycle.id}/topics", Topics)
    except (DomainError, httpx.HTTPError):
        return Topics()


async def count_pairs(api: PublicApi, cycle_id: UUID) -> dict[PairState, int]:
    """How many pairs there are in each state. A count of more than 20,000 is not told, and is 20,000 here."""

    async def count(state: PairState) -> int:
        query: dict[str, Any] = {"state": state.value, "limit": 1}
        total = (await api.get(Service.MATCHING, f"/cycles/{cycle_id}/pairs", Counted, query)).total
        return 20_000 if total is None else total

    return {state: await count(state) for state in COUNTED_PAIRS}


async def count_pending(api: PublicApi, round_id: UUID) -> int:
    """How many people have not answered an enrolment or acceptance round."""
    return (await api.get(Service.INTAKE, f"/rounds/{round_id}/pending", Counted, {"limit": 1})).total or 0


async def read_names(api: PublicApi, people: Iterable[UUID]) -> dict[UUID, Person]:
    """The people by their ids. Those who do not exist are missing."""
    wanted = list(dict.fromkeys(people))
    found: dict[UUID, Person] = {}
    for begin in range(0, len(wanted), PEOPLE_AT_ONCE):
        some = wanted[begin : begin + PEOPLE_AT_ONCE]
        query = {"id": [str(one) for one in some], "limit": PEOPLE_AT_ONCE}
        found |= {one.id: one for one in (await api.get(Service.INTAKE, "/people", People, query)).items}
    return found


def people_in(events: Events) -> list[UUID]:
    """The people whom the events name."""
    names = ("person_id", "mentor_id", "mentee_id", "leaver_id")
    found = (event.data.get(name) for event in events.items for name in names)
    return [UUID(one) for one in found if one]


def people_of(pairs: Pairs) -> list[UUID]:
    return [person for pair in pairs.items for person in (pair.mentor_id, pair.mentee_id)]
