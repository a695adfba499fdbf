"""Archiving a program, after a page that says what that means, and restoring it."""

from uuid import UUID

from fastapi import APIRouter, Response

from services.console.admin.forms import Filled, SentForm
from services.console.admin.layout import admin_page
from services.console.admin.programs.reading import read_cycles
from services.console.admin.programs.resources import RUNNING, Made, ProgramDetails
from services.console.admin.programs.view import LIST
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from shared.contracts.accounts import Role
from shared.contracts.base import Service

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
SHOWN = 50


@router.get(f"{LIST}/{{program_id}}/archive")
async def show_archive(program_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _confirm(visit, program_id, Filled())


@router.post(f"{LIST}/{{program_id}}/archive")
async def take_archive(program_id: UUID, sent: SentForm) -> Response:
    return await sent.answer(
        Role.ADMIN,
        lambda filled: _confirm(sent.visit, program_id, filled),
        lambda: _do(sent.visit, program_id, "archive", "archived"),
    )


@router.post(f"{LIST}/{{program_id}}/restore")
async def take_restore(program_id: UUID, sent: SentForm) -> Response:
    return await sent.answer(
        Role.ADMIN,
        lambda filled: _confirm(sent.visit, program_id, filled),
        lambda: _do(sent.visit, program_id, "restore", "restored"),
    )


async def _do(visit: Visit, program_id: UUID, what: str, done: str) -> str:
    await visit.api.post(Service.PROGRAMS, f"/programs/{program_id}/{what}", Made)
    return f"{LIST}/{program_id}?done={done}"


async def _confirm(visit: Visit, program_id: UUID, filled: Filled) -> Response:
    program = await visit.api.get(Service.PROGRAMS, f"/programs/{program_id}", ProgramDetails)
    running = await read_cycles(visit.api, program_id, stage=RUNNING, limit=SHOWN)
    shown = dict(filled.for_template(visit.words))
    return admin_page(visit, "program_archive.html", filled.status, program=program, running=running, **shown)
