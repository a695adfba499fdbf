"""Making a match run: the pool is read, the result is computed outside of any transaction, and stored if it still fits.

While the solver works, an admin may approve an earlier run, and people may answer their offers. The result is stored
only if the places and couples that it started from are still the same. Otherwise it is computed again.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from uuid import UUID

import structlog

from services.matching.engine.inputs import Inputs, canonical, week_of
from services.matching.runs.solving import check_room, in_thread, solve
from services.matching.runs.store import runs
from services.matching.runs.store.standing import History, Standing, read_history, read_standing
from shared.contracts.base import Service
from shared.contracts.intake import PoolPage, PoolPerson
from shared.contracts.matching import Proposal, ProposeMatches
from shared.contracts.programs import CycleBrief
from shared.database import Database
from shared.http.internal import Internal
from shared.telemetry.metrics import REGISTRY, SOLVED

log = structlog.get_logger(__name__)
TRIES = 3


class PoolKeepsChanging(Exception):
    """Answers came in during every attempt. Temporal tries again later."""


async def propose(
    request: ProposeMatches, database: Database, internal: Internal, heartbeat: Callable[[], None]
) -> Proposal:
    """The stored proposal of this attempt of the cycle, which is made now if it does not exist. `heartbeat` is called
    while the work goes on or waits for its turn. Raises PoolKeepsChanging, and TooManyWait when too many runs wait
    for their turn; Temporal tries again later."""
    organization_id, cycle_id = request.organization_id, request.cycle_id
    async with database.transaction() as session:
        stored = await runs.find_proposal(session, organization_id, cycle_id, request.attempt)
    if stored is not None:
        return stored
    check_room(organization_id)
    people = await _read_pool(internal, organization_id, cycle_id, heartbeat)
    brief = await internal.get(Service.PROGRAMS, f"/cycles/{cycle_id}", CycleBrief, organization_id)
    async with database.transaction() as session:
        standing = await read_standing(session, organization_id, cycle_id)
        history = await read_history(session, organization_id, brief.program_id, cycle_id)
    for _ in range(TRIES):
        inputs = await in_thread(partial(_inputs, request, brief, people, standing, history), heartbeat)
        begun = perf_counter()
        result = await solve(inputs, heartbeat, organization_id=organization_id)
        REGISTRY.observe(SOLVED, perf_counter() - begun)
        async with database.transaction() as session:
            await runs.lock_runs(session, organization_id, cycle_id)
            now = await read_standing(session, organization_id, cycle_id)
            if now == standing:
                proposal = await runs.store_run(
                    session, organization_id, brief.program_id, request.attempt, inputs, result
                )
                log.info("match_run.stored", match_run_id=str(proposal.match_run_id), pairs=proposal.pairs)
                return proposal
        standing = now
    raise PoolKeepsChanging


def _inputs(
    request: ProposeMatches,
    brief: CycleBrief,
    people: tuple[PoolPerson, ...],
    standing: Standing,
    history: History,
) -> Inputs:
    return canonical(
        Inputs(
            cycle_id=request.cycle_id,
            direction=request.direction,
            policy=request.policy,
            labels={topic.code: topic.label for topic in brief.topics},
            people=people,
            week=week_of(datetime.now(UTC).date()),
            held=standing.held,
            past=history.past,
            tried=standing.tried,
            waited=history.waited,
        )
    )


async def _read_pool(
    internal: Internal, organization_id: UUID, cycle_id: UUID, heartbeat: Callable[[], None]
) -> tuple[PoolPerson, ...]:
    people: list[PoolPerson] = []
    after: UUID | None = None
    while True:
        params = {"after": str(after)} if after else None
        page = await internal.get(Service.INTAKE, f"/cycles/{cycle_id}/pool", PoolPage, organization_id, params)
        people += page.people
        heartbeat()
        if (after := page.after) is None:
            return tuple(people)
