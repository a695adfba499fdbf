"""The public API of programs. The API of cycles is in `cycles.py`."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncSession

from services.programs.resources import Program, ProgramPage, ProgramPreview, ProgramSort
from services.programs.rules.definition import ProgramDefinition, check_start
from services.programs.rules.preview import preview
from services.programs.store import lists, programs
from shared.auth import Admin, ServiceCaller, Viewer
from shared.contracts.base import Moment
from shared.contracts.programs import Direction, ProgramBrief
from shared.http.dependencies import AppDatabase, IdempotencyKey, InternalClient, Session
from shared.http.directory import refuse_others
from shared.http.etags import check_present, etag
from shared.http.idempotency import Answer, answer_once
from shared.http.lists import Page, answer_list
from shared.http.paging import Cursor, Limit, Search
from shared.http.problems import refusals
from shared.http.routing import Route, except_for
from shared.http.tables import tables_too

router = APIRouter(route_class=Route, prefix="/v1", tags=["programs"])
internal_router = APIRouter(route_class=Route, prefix="/internal/programs", include_in_schema=False)


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


@router.get("/programs", response_model=ProgramPage, responses=tables_too())
async def list_programs(
    request: Request,
    caller: Viewer,
    database: AppDatabase,
    q: Search = None,
    direction: Direction | None = None,
    recurs: bool | None = None,
    archived: bool = False,
    sort: ProgramSort = "created_at",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ProgramPage | Response:
    """The organization's programs that are not archived, or those that are, by default oldest first. `q` looks at their
    names."""
    wanted = lists.WantedPrograms(q, direction, recurs, archived)

    async def read(session: AsyncSession, page: Page) -> ProgramPage:
        return await lists.list_programs(session, caller.organization_id, wanted, page)

    return await answer_list(request, database, Page(sort, cursor, limit), read, name="programs", item=Program)


@router.post("/programs/preview")
async def preview_program(
    definition: ProgramDefinition, caller: Viewer, starts_at: Moment | None = None
) -> ProgramPreview:
    """Checks the definition and says what it would do: when the next four cycles would start, and the dates of a cycle
    that starts at `starts_at` (by default when the next one starts by itself, or else now). Nothing is stored."""
    now = datetime.now(UTC)
    if starts_at is not None:
        check_start(starts_at, now, "query.starts_at")
    return preview(definition, now, starts_at)


@router.get("/programs/{program_id}", responses=refusals(404))
@except_for("preview")
async def read_program(program_id: UUID, caller: Viewer, session: Session, response: Response) -> Program:
    program = await programs.read_program(session, caller.organization_id, program_id)
    response.headers["etag"] = etag(program.version)
    return program


@router.put("/programs/{program_id}", responses=refusals(404))
@except_for("preview")
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


@internal_router.get("/programs/{program_id}")
async def read_program_brief(program_id: UUID, caller: ServiceCaller, session: Session) -> ProgramBrief:
    program = await programs.read_program(session, caller.organization_id, program_id)
    return ProgramBrief(program_id=program.id, name=program.name, direction=program.direction)


@router.post("/programs/{program_id}/archive", responses=refusals(404))
async def archive_program(program_id: UUID, caller: Admin, session: Session, response: Response) -> Program:
    """The program starts no cycle any more, neither by itself nor by hand, and is left out of the list. Cycles that run
    go on. Archiving it again changes nothing."""
    program = await programs.archive_program(session, caller.organization_id, program_id)
    response.headers["etag"] = etag(program.version)
    return program


@router.post("/programs/{program_id}/restore", responses=refusals(404))
async def restore_program(program_id: UUID, caller: Admin, session: Session, response: Response) -> Program:
    """The program can start cycles again. If it recurs, it does so from its next date on."""
    program = await programs.restore_program(session, caller.organization_id, program_id)
    response.headers["etag"] = etag(program.version)
    return program
