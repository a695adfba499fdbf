"""The public HTTP edge of matching: an admin reads and approves match runs, reads and ends pairs."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.matching.pairs.store import pairs as pairs_store
from services.matching.resources import EndPair, MatchRunDetail, MatchRunList, MatchRunView, PairView, Reviewed
from services.matching.runs.store import decisions, reading
from shared.auth import Coordinator, Role, Viewer
from shared.contracts.base import Service
from shared.http.dependencies import AppDatabase, InternalClient, Reading, Session
from shared.http.etags import etag
from shared.http.problems import refusals
from shared.http.routing import Route

router = APIRouter(route_class=Route, prefix="/v1", tags=["matching"])
Lists = Annotated[bool, Query(description="false leaves out pairs and unmatched people, which have lists of their own")]


@router.get("/cycles/{cycle_id}/match-runs")
async def list_match_runs(cycle_id: UUID, caller: Viewer, session: Reading) -> MatchRunList:
    """Lists the cycle's match runs in the order of attempts and revisions. All of them fit one page."""
    return MatchRunList(items=await reading.read_runs(session, caller.organization_id, cycle_id))


@router.get("/cycles/{cycle_id}/match-runs/current", responses=refusals(404))
async def read_current_match_run(
    cycle_id: UUID, caller: Viewer, session: Reading, response: Response, lists: Lists = True
) -> MatchRunDetail:
    """Reads the cycle's match run that waits for approval, or else its last one, as reading it by its id does."""
    in_full = caller.role.covers(Role.COORDINATOR)
    run = await reading.read_current_run(session, caller.organization_id, cycle_id, in_full=in_full, with_lists=lists)
    response.headers["etag"] = etag(reading.version_of(run.attempt, run.revision, run.state))
    return run


@router.get("/match-runs/{match_run_id}", responses=refusals(404))
async def read_match_run(
    match_run_id: UUID, caller: Viewer, session: Reading, response: Response, lists: Lists = True
) -> MatchRunDetail:
    """Reads one match run: its pairs with score, contributions, reasons and alternatives, why everybody else is
    unmatched, and which topics lack teachers."""
    in_full = caller.role.covers(Role.COORDINATOR)
    run = await reading.read_run(session, caller.organization_id, match_run_id, in_full=in_full, with_lists=lists)
    response.headers["etag"] = etag(reading.version_of(run.attempt, run.revision, run.state))
    return run


@router.post("/match-runs/{match_run_id}/approve", responses=refusals(404, 409))
async def approve_match_run(
    match_run_id: UUID,
    caller: Coordinator,
    session: Session,
    database: AppDatabase,
    internal: InternalClient,
    body: Reviewed | None = None,
) -> MatchRunView:
    """Approves the run: its pairs are offered to their people. Pairs with somebody who has left are dropped instead.
    Approving again answers the same. Who sends the counts that they have seen is refused if the run has others, and
    the event `match_run.approved` keeps that they reviewed it."""
    cycle_id = await reading.read_cycle_id(session, caller.organization_id, match_run_id)
    await session.commit()
    path = f"/cycles/{cycle_id}/leavers"
    leavers = [person async for person in internal.people(Service.INTAKE, path, caller.organization_id)]
    async with database.transaction() as later:
        return await decisions.approve_run(
            later,
            caller.organization_id,
            match_run_id,
            caller.key_id,
            leavers,
            reviewed=body,
        )


@router.get("/pairs/{pair_id}", responses=refusals(404))
async def read_pair(pair_id: UUID, caller: Viewer, session: Session) -> PairView:
    return await pairs_store.read_pair(session, caller.organization_id, pair_id)


@router.post("/pairs/{pair_id}/end", responses=refusals(404, 409))
async def end_pair(pair_id: UUID, body: EndPair, caller: Coordinator, session: Session) -> PairView:
    """Ends an active pair. Ending it again answers the same."""
    return await pairs_store.end_pair(session, caller.organization_id, pair_id, body.reason)
