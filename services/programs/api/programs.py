"""The public API of programs. The API of cycles is in `cycles.py`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse

from services.programs.resources import Program, ProgramPage
from services.programs.rules.definition import ProgramDefinition
from services.programs.store import programs
from shared.auth import Admin, Viewer
from shared.http.dependencies import InternalClient, Session
from shared.http.directory import refuse_others
from shared.http.etags import check_present, etag
from shared.http.idempotency import Answer, IdempotencyKey, answer_once
from shared.http.paging import Cursor, Limit
from shared.http.problems import refusals
from shared.http.routing import Route

router = APIRouter(route_class=Route, prefix="/v1", tags=["programs"])


@router.post("/programs", status_code=201, response_model=Program)
async def create_program(
    definition: ProgramDefinition,
    caller: Admin,
    session: Session,
    internal: InternalClient,
    request: Request,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Creates a program. Its sponsor and its coordinators are active people of the directory."""
    refusal = await refuse_others(internal, caller.organization_id, definition.named_people())

    async def work() -> Answer:
        if refusal is not None:
            raise refusal
        program = await programs.create_program(session, caller.organization_id, definition)
        headers = {"location": f"/v1/programs/{program.id}", "etag": etag(program.version)}
        return Answer(status=201, body=program.model_dump(mode="json"), headers=headers)

    return await answer_once(session, request, caller.organization_id, idempotency_key, work)


@router.get("/programs")
async def list_programs(caller: Viewer, session: Session, cursor: Cursor = None, limit: Limit = 50) -> ProgramPage:
    """The organization's programs, oldest first."""
    return await programs.list_programs(session, caller.organization_id, cursor, limit)


@router.get("/programs/{program_id}", responses=refusals(404))
async def read_program(program_id: UUID, caller: Viewer, session: Session, response: Response) -> Program:
    program = await programs.read_program(session, caller.organization_id, program_id)
    response.headers["etag"] = etag(program.version)
    return program


@router.put("/programs/{program_id}", responses=refusals(404))
async def replace_program(
    program_id: UUID,
    definition: ProgramDefinition,
    caller: Admin,
    session: Session,
    internal: InternalClient,
    response: Response,
    if_match: Annotated[str | None, Header()] = None,
) -> Program:
    """Replaces the whole definition. Cycles that were requested before keep the definition that they began with."""
    expected = check_present(if_match)
    refusal = await refuse_others(internal, caller.organization_id, definition.named_people())
    if refusal is not None:
        await programs.read_program(session, caller.organization_id, program_id)
        raise refusal
    program = await programs.replace_program(session, caller.organization_id, program_id, definition, expected)
    response.headers["etag"] = etag(program.version)
    return program
