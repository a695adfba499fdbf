"""The public API of cycles. A request writes its row and its event, answers 202, and never waits for Temporal."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncSession

from services.programs.resources import (
    AllCyclesPage,
    Cycle,
    CycleOfProgram,
    CyclePage,
    CycleSort,
    CycleSummary,
    RunningCycles,
)
from services.programs.rules.definition import CycleRequest
from services.programs.store import control, cycles, lists
from shared.auth import Admin, Coordinator, ServiceCaller, Viewer
from shared.contracts.programs import CycleBrief, PausedCycles, Stage
from shared.http.dependencies import AppDatabase, IdempotencyKey, InternalClient, Reading, Session
from shared.http.directory import count_enrolled
from shared.http.idempotency import Answer, answer_once
from shared.http.lists import Page, answer_list
from shared.http.paging import Cursor, Limit, Search
from shared.http.problems import refusals
from shared.http.routing import Route, except_for
from shared.http.tables import tables_too

Ids = Annotated[list[UUID] | None, Query(max_length=200, description="only these cycles; may be repeated")]
Stages = Annotated[list[Stage] | None, Query(max_length=20, description="only cycles in these stages; may be repeated")]

router = APIRouter(route_class=Route, tags=["cycles"])


@router.post("/v1/programs/{program_id}/cycles", status_code=202, response_model=Cycle, responses=refusals(404))
async def request_cycle(
    program_id: UUID,
    caller: Admin,
    session: Session,
    request: Request,
    body: CycleRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Requests one cycle of the program. The body may be left out."""

    async def work() -> Answer:
        wish = body or CycleRequest()
        cycle = await cycles.request_cycle(session, caller.organization_id, program_id, wish)
        headers = {"location": f"/v1/cycles/{cycle.id}"}
        return Answer(status=202, body=cycle.model_dump(mode="json"), headers=headers)

    return await answer_once(session, request, caller.organization_id, idempotency_key, work)


@router.get("/v1/programs/{program_id}/cycles", response_model=CyclePage, responses=tables_too(404))
async def list_cycles(
    program_id: UUID,
    request: Request,
    caller: Viewer,
    database: AppDatabase,
    stage: Stages = None,
    sort: CycleSort = "-requested_at",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> CyclePage | Response:
    """The program's cycles, by default newest first."""

    async def read(session: AsyncSession, page: Page) -> CyclePage:
        return await lists.list_cycles(session, caller.organization_id, program_id, stage, page)

    return await answer_list(request, database, Page(sort, cursor, limit), read, name="cycles", item=CycleSummary)


@router.get("/v1/cycles", response_model=AllCyclesPage, responses=tables_too())
async def list_all_cycles(
    request: Request,
    caller: Viewer,
    database: AppDatabase,
    q: Search = None,
    id: Ids = None,
    program_id: UUID | None = None,
    stage: Stages = None,
    paused: bool | None = None,
    sort: CycleSort = "-requested_at",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AllCyclesPage | Response:
    """The cycles of all programs, by default newest first. `q` looks at the names of programs and at periods."""
    wanted = lists.WantedCycles(q, program_id, stage, paused, id)

    async def read(session: AsyncSession, page: Page) -> AllCyclesPage:
        return await lists.list_all_cycles(session, caller.organization_id, wanted, page)

    return await answer_list(request, database, Page(sort, cursor, limit), read, name="cycles", item=CycleOfProgram)


@router.get("/v1/cycles/{cycle_id}", responses=refusals(404))
async def read_cycle(cycle_id: UUID, caller: Viewer, session: Session, internal: InternalClient) -> Cycle:
    """The cycle with its rounds, and how many people have enrolled so far."""
    cycle = await cycles.read_cycle(session, caller.organization_id, cycle_id)
    await session.commit()
    enrolled = await count_enrolled(internal, caller.organization_id, cycle_id)
    return cycle.model_copy(update={"enrolled": enrolled})


@router.post("/v1/cycles/{cycle_id}/pause", status_code=202, responses=refusals(404, 409))
async def pause_cycle(cycle_id: UUID, caller: Coordinator, session: Session) -> Cycle:
    """Stops the cycle's timers and messages until it is resumed."""
    return await control.pause_cycle(session, caller.organization_id, cycle_id)


@router.post("/v1/cycles/{cycle_id}/resume", status_code=202, responses=refusals(404, 409))
async def resume_cycle(cycle_id: UUID, caller: Coordinator, session: Session) -> Cycle:
    """Lets a paused cycle go on. Everything that still lies ahead moves by the length of the pause."""
    return await control.resume_cycle(session, caller.organization_id, cycle_id)


@router.post("/v1/cycles/{cycle_id}/cancel", status_code=202, responses=refusals(404, 409))
async def cancel_cycle(cycle_id: UUID, caller: Admin, session: Session) -> Cycle:
    """Ends the cycle before its time. Its participants are told once."""
    return await control.cancel_cycle(session, caller.organization_id, cycle_id)


@router.post("/v1/cycles/{cycle_id}/advance", status_code=202, responses=refusals(404, 409))
async def advance_cycle(cycle_id: UUID, caller: Coordinator, session: Session) -> Cycle:
    """Closes the running round early, or starts a cycle that still waits for its date."""
    return await control.advance_cycle(session, caller.organization_id, cycle_id)


@router.post("/v1/cycles/{cycle_id}/remind", status_code=202, responses=refusals(404, 409, 410, 429))
async def remind_cycle(cycle_id: UUID, caller: Coordinator, session: Session) -> Cycle:
    """Reminds everybody who has not answered the open round now. Nobody is reminded twice within 24 hours: until then
    it is 429 with the time in `Retry-After`."""
    return await control.remind_cycle(session, caller.organization_id, cycle_id)


@router.get("/internal/programs/cycles/paused", include_in_schema=False)
async def read_paused(caller: ServiceCaller, session: Session) -> PausedCycles:
    return await lists.read_paused(session, caller.organization_id)


@router.get("/internal/programs/cycles/running", include_in_schema=False)
async def read_running(caller: ServiceCaller, session: Session) -> RunningCycles:
    return await lists.read_running(session, caller.organization_id)


@router.get("/internal/programs/cycles/{cycle_id}", include_in_schema=False)
@except_for("paused", "running")
async def read_brief(cycle_id: UUID, caller: ServiceCaller, session: Reading) -> CycleBrief:
    return await cycles.read_brief(session, caller.organization_id, cycle_id)
