"""The home page: the programs of the organization with their newest cycles."""

import asyncio

from fastapi import APIRouter, Response

from services.console.admin.home.view import (
    CycleLines,
    Home,
    ProgramCard,
    ProgramLine,
    ProgramLines,
    home_of,
    program_card,
)
from services.console.admin.layout import admin_page
from services.console.admin.navigation import HOME
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit
from shared.contracts.base import Service
from shared.http.public import PublicApi

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
MOST_PROGRAMS = 20
NEWEST_CYCLES = 4
AT_ONCE = 4
"""Programs whose cycles are read at the same time, so that one page does not take all connections to the database."""


@router.api_route(HOME, methods=["GET", "HEAD"])
@router.api_route(f"{HOME}/", methods=["GET", "HEAD"])
async def show_home(visit: CurrentVisit) -> Response:
    return admin_page(visit, "home.html", home=await read_home(visit.api))


async def read_home(api: PublicApi) -> Home:
    programs = await api.get(Service.PROGRAMS, "/programs", ProgramLines, {"limit": MOST_PROGRAMS})
    turns = asyncio.Semaphore(AT_ONCE)

    async def read_card(program: ProgramLine) -> ProgramCard:
        async with turns:
            path, limit = f"/programs/{program.id}/cycles", {"limit": NEWEST_CYCLES}
            return program_card(program, (await api.get(Service.PROGRAMS, path, CycleLines, limit)).items)

    cards = await asyncio.gather(*map(read_card, programs.items))
    return home_of(tuple(cards), programs.next is not None)
