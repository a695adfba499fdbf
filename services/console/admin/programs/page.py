"""The list of programs, and the page of one program."""

from uuid import UUID

from fastapi import APIRouter, Response

from services.console.admin.layout import admin_page
from services.console.admin.programs.reading import read_cycles, read_names, read_preview
from services.console.admin.programs.resources import ProgramDetails, ProgramsPage
from services.console.admin.programs.view import LIST, RECURS, SORTS, ProgramList, program_page, wanted_of
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit
from shared.contracts.base import Service
from shared.http.tables import TABLE

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
AT_ONCE = 25
CYCLES = 10


@router.api_route(LIST, methods=["GET", "HEAD"])
async def show_programs(visit: CurrentVisit) -> Response:
    wanted = wanted_of(visit.query)
    page = await visit.api.get(Service.PROGRAMS, "/programs", ProgramsPage, wanted.params | {"limit": AT_ONCE})
    return admin_page(visit, "programs.html", list=ProgramList(wanted, page), sorts=SORTS, recurs=RECURS)


@router.api_route(f"{LIST}.csv", methods=["GET", "HEAD"])
async def show_table(visit: CurrentVisit) -> Response:
    wanted = wanted_of(visit.query)
    table = await visit.api.get_table(Service.PROGRAMS, "/programs", wanted._replace(cursor="").params)
    headers = {"content-disposition": 'attachment; filename="programs.csv"'}
    return Response(table, media_type=TABLE, headers=headers)


@router.api_route(f"{LIST}/{{program_id}}", methods=["GET", "HEAD"])
async def show_program(program_id: UUID, visit: CurrentVisit) -> Response:
    program = await visit.api.get(Service.PROGRAMS, f"/programs/{program_id}", ProgramDetails)
    cursor = {"cursor": visit.query["cursor"]} if visit.query.get("cursor") else {}
    cycles = await read_cycles(visit.api, program_id, limit=CYCLES, **cursor)
    preview = await read_preview(visit.api, program.definition)
    names = await read_names(visit.api, program.named)
    return admin_page(visit, "program.html", page=program_page(visit.words, program, cycles, preview, names))
