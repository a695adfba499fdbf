"""The public HTTP edge of steering: admins steer a run that waits for approval, ask "what if", and repeat runs.

Computing takes seconds for a large pool. The transaction in which the caller was identified ends before that.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response

from services.matching.resources import MatchRunDetail, MatchRunInputs
from services.matching.runs import revising
from services.matching.runs.rules.candidates import CandidateList
from services.matching.runs.rules.counterfactual import Counterfactual
from services.matching.runs.rules.preview import Preview
from services.matching.runs.rules.replay import Replay
from services.matching.runs.rules.steering_rules import SteeringRequest
from services.matching.runs.store.reading import version_of
from shared.auth import Coordinator, Viewer
from shared.http.dependencies import AppDatabase, InternalClient, Session
from shared.http.directory import find_people
from shared.http.etags import check_present, etag
from shared.http.paging import Limit, Search
from shared.http.problems import refusals
from shared.http.receiving import BodyLimits, takes
from shared.http.routing import Route

router = APIRouter(route_class=Route, prefix="/v1/match-runs/{match_run_id}", tags=["matching"])
STEERING = BodyLimits(most_bytes=4 * 1024 * 1024, most_values=100_000)
"""5,000 entries in each of the lists of a steering document."""


@router.put("/steering", status_code=201, responses=refusals(404, 409, 410))
@takes(STEERING)
async def steer_match_run(
    match_run_id: UUID,
    body: SteeringRequest,
    caller: Coordinator,
    session: Session,
    database: AppDatabase,
    response: Response,
    if_match: Annotated[str | None, Header()] = None,
) -> MatchRunDetail:
    """Solves the run again with this steering, which replaces the steering before, and stores the result as the run's
    next revision. Pins and pairs by hand are kept; a pair by hand that breaks a hard constraint needs a reason."""
    expected = check_present(if_match)
    await session.commit()
    run = await revising.steer(database, caller, match_run_id, body.steering(), expected)
    response.headers["location"] = f"/v1/match-runs/{run.id}"
    response.headers["etag"] = etag(version_of(run.attempt, run.revision, run.state))
    return run


@router.post("/preview", responses=refusals(404, 409, 410))
@takes(STEERING)
async def preview_steering(
    match_run_id: UUID, body: SteeringRequest, caller: Coordinator, session: Session, database: AppDatabase
) -> Preview:
    """Says what this steering would change: partners, people in a pair, and the total. Nothing is stored."""
    await session.commit()
    return await revising.show(database, caller, match_run_id, body.steering())


@router.get("/counterfactual", responses=refusals(404, 409, 410))
async def read_counterfactual(
    match_run_id: UUID,
    caller: Viewer,
    session: Session,
    database: AppDatabase,
    mentor_id: Annotated[UUID, Query(description="of the pair that would be forced into the run")],
    mentee_id: Annotated[UUID, Query(description="of the same pair")],
) -> Counterfactual:
    """Says exactly what the run would lose if these two people had to be a pair, or what forbids them to be one. A
    viewer is told only that the pair is not possible."""
    await session.commit()
    return await revising.force(database, caller, match_run_id, (mentor_id, mentee_id))


@router.post("/replay", responses=refusals(404, 410))
async def replay_match_run(match_run_id: UUID, caller: Viewer, session: Session, database: AppDatabase) -> Replay:
    """Computes the run again from its stored inputs and says what differs. Nothing is stored."""
    await session.commit()
    return await revising.repeat(database, caller, match_run_id)


@router.get("/inputs", responses=refusals(404, 410))
async def read_match_run_inputs(
    match_run_id: UUID,
    caller: Viewer,
    session: Session,
    database: AppDatabase,
    person_id: Annotated[
        list[UUID] | None, Query(max_length=200, description="only what is about these people; may be repeated")
    ] = None,
) -> MatchRunInputs:
    """Shows what the run was computed from: ids and features of people, but no names and no avoid lists. A viewer
    reads nothing that people answered, except their role."""
    await session.commit()
    return await revising.read_inputs(database, caller, match_run_id, person_id)


@router.get("/candidates", responses=refusals(404))
async def list_candidates(
    match_run_id: UUID,
    caller: Coordinator,
    session: Session,
    database: AppDatabase,
    internal: InternalClient,
    person_id: Annotated[UUID, Query(description="whose partners are looked for")],
    q: Search = None,
    limit: Limit = 50,
) -> CandidateList:
    """Lists who could be the partner of this person in the run: with the points that the pair would have, whom they
    have now, and what forbids the pair. `q` looks for their names and addresses."""
    await session.commit()
    people = await find_people(internal, caller.organization_id, q) if q and q.strip() else None
    return await revising.find_candidates(database, caller, match_run_id, person_id, people, limit)
