"""Making a match run: read the pool, compute outside any transaction, store the result if it still fits.

While the solver works, an admin may approve an earlier run and people may answer their offers. The result is stored
only if the places and couples it started from are still the same; otherwise it is computed again.
"""

import asyncio
from collections.abc import Callable
from uuid import UUID

import structlog

from services.matching import store_runs
from services.matching.computation import Inputs, Result, canonical, compute
from services.matching.store_standing import Standing, read_standing
from shared.contracts.base import Service
from shared.contracts.intake import PoolPage, PoolPerson
from shared.contracts.matching import Proposal, ProposeMatches
from shared.contracts.programs import CycleBrief
from shared.database import Database
from shared.http.internal import Internal

log = structlog.get_logger(__name__)
BEAT_SECONDS = 3
TRIES = 3


class PoolKeepsChanging(Exception):
    """Answers came in during every try; Temporal tries again later."""


async def propose(
    request: ProposeMatches, database: Database, internal: Internal, beat: Callable[[], None]
) -> Proposal:
    """The stored proposal of the cycle's attempt, made now if it does not exist. `beat` tells that work goes on.
    Raises PoolKeepsChanging."""
    organization_id, cycle_id = request.organization_id, request.cycle_id
    async with database.transaction() as session:
        stored = await store_runs.find_proposal(session, organization_id, cycle_id, request.attempt)
        standing = await read_standing(session, organization_id, cycle_id)
    if stored is not None:
        return stored
    people = await _read_pool(internal, organization_id, cycle_id, beat)
    brief = await internal.get(Service.PROGRAMS, f"/cycles/{cycle_id}", CycleBrief, organization_id)
    labels = {topic.code: topic.label for topic in brief.topics}
    for _ in range(TRIES):
        inputs = _inputs(request, labels, people, standing)
        result = await _compute(inputs, beat)
        async with database.transaction() as session:
            await store_runs.lock_runs(session, organization_id, cycle_id)
            now = await read_standing(session, organization_id, cycle_id)
            if (now.held, now.tried) == (standing.held, standing.tried):
                proposal = await store_runs.store_run(session, organization_id, request.attempt, inputs, result)
                log.info("match_run.stored", match_run_id=str(proposal.match_run_id), pairs=proposal.pairs)
                return proposal
        standing = now
    raise PoolKeepsChanging


def _inputs(
    request: ProposeMatches, labels: dict[str, str], people: tuple[PoolPerson, ...], standing: Standing
) -> Inputs:
    return canonical(
        Inputs(
            cycle_id=request.cycle_id,
            direction=request.direction,
            policy=request.policy,
            labels=labels,
            people=people,
            held=standing.held,
            past=standing.past,
            tried=standing.tried,
        )
    )


async def _read_pool(
    internal: Internal, organization_id: UUID, cycle_id: UUID, beat: Callable[[], None]
) -> tuple[PoolPerson, ...]:
    people: list[PoolPerson] = []
    after: UUID | None = None
    while True:
        params = {"after": str(after)} if after else None
        page = await internal.get(Service.INTAKE, f"/cycles/{cycle_id}/pool", PoolPage, organization_id, params)
        people += page.people
        beat()
        if (after := page.after) is None:
            return tuple(people)


async def _compute(inputs: Inputs, beat: Callable[[], None]) -> Result:
    computing = asyncio.create_task(asyncio.to_thread(compute, inputs))
    while not computing.done():
        beat()
        await asyncio.wait({computing}, timeout=BEAT_SECONDS)
    return computing.result()
