"""Reading what the pages of a review show, by the public API and as the visitor. Names are read with one call for up to
200 people."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from services.console.admin.review.rules.facts import (
    Couple,
    CycleFacts,
    CycleList,
    PairFactsList,
    Run,
    RunLines,
    Steering,
)
from services.console.admin.review.rules.view import Names
from services.console.admin.visit import Visit
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.contracts.intake import NamedPeople, NamedPerson
from shared.contracts.matching import MatchRunState
from shared.errors import NotFound
from shared.http.public import Versioned

PEOPLE_AT_ONCE = 200
PAIRS_A_PAGE = 100
NO_RUN = "match_run_not_found"
MOST_NAMED = 60
"""So many of the decisions are listed with names."""


class Review(NamedTuple):
    """A cycle, and the match run that is reviewed."""

    cycle: CycleFacts
    run: Run | None
    """None before the cycle has proposed any pairs."""
    etag: str

    @property
    def address(self) -> str:
        return f"/console/cycles/{self.cycle.id}/review"

    def may_steer(self, visit: Visit) -> bool:
        return self.run is not None and self.run.waits and visit.may(Role.COORDINATOR)


async def read_review(visit: Visit, cycle_id: UUID) -> Review:
    """The cycle with the run that waits for approval, or else its last one. Raises NotFound."""
    cycles = await visit.api.get(Service.PROGRAMS, "/cycles", CycleList, {"id": str(cycle_id), "limit": 1})
    if not cycles.items:
        raise NotFound("There is no such cycle.", code="cycle_not_found")
    [cycle] = cycles.items
    current = f"/cycles/{cycle_id}/match-runs/current?lists=false"
    try:
        read = await visit.api.get_versioned(Service.MATCHING, current, Run)
    except NotFound as error:
        if error.code != NO_RUN:
            raise
        return Review(cycle, None, "")
    return Review(cycle, read.value, read.etag)


async def read_waiting(visit: Visit, cycle_id: UUID) -> Review:
    """The same for a page about a run. Raises NotFound if the cycle has none."""
    found = await read_review(visit, cycle_id)
    if found.run is None:
        raise NotFound("This cycle has no match run yet.", code=NO_RUN)
    return found


async def read_run(visit: Visit, run_id: UUID) -> Versioned[Run]:
    return await visit.api.get_versioned(Service.MATCHING, f"/match-runs/{run_id}?lists=false", Run)


async def read_before(visit: Visit, run: Run) -> Run | None:
    """The revision before this one. None for the first."""
    runs = (await visit.api.get(Service.MATCHING, f"/cycles/{run.cycle_id}/match-runs", RunLines)).items
    wanted = (run.attempt, run.revision - 1)
    line = next((one for one in runs if (one.attempt, one.revision) == wanted), None)
    return None if line is None else (await read_run(visit, line.id)).value


async def read_pairs(visit: Visit, run: Run, params: Mapping[str, Any]) -> PairFactsList:
    if run.state in (MatchRunState.SUPERSEDED, MatchRunState.EXPIRED):
        return PairFactsList(items=(), total=0)
    brief = {"details": "false", **params}
    return await visit.api.get(Service.MATCHING, f"/match-runs/{run.id}/pairs", PairFactsList, brief)


async def read_names(visit: Visit, people: Iterable[UUID]) -> Names:
    found: dict[UUID, NamedPerson] = {}
    wanted = [str(one) for one in dict.fromkeys(people)]
    for first in range(0, len(wanted), PEOPLE_AT_ONCE):
        params = {"person_id": wanted[first : first + PEOPLE_AT_ONCE]}
        people_found = await visit.api.get(Service.INTAKE, "/people/names", NamedPeople, params)
        found |= {one.id: one for one in people_found.items}
    return Names(found, visit.words)


def named_in(steering: Steering) -> list[UUID]:
    """The people whose names the list of decisions shows."""
    couples: list[Couple] = [*steering.by_hand, *steering.pins, *steering.forbidden]
    return [
        *(person for one in couples[:MOST_NAMED] for person in (one.mentor_id, one.mentee_id)),
        *steering.dropped[:MOST_NAMED],
    ]
