"""The home page: what needs a human now, the cycles that run, and what happens soon."""

from datetime import UTC, datetime

from fastapi import APIRouter, Response

from services.console.admin.home.reading import read_home
from services.console.admin.layout import admin_page
from services.console.admin.navigation import HOME
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit
from services.console.words.cycles import STALLS

router = APIRouter(route_class=AdminRoute, include_in_schema=False)


@router.api_route(HOME, methods=["GET", "HEAD"])
@router.api_route(f"{HOME}/", methods=["GET", "HEAD"])
async def show_home(visit: CurrentVisit) -> Response:
    return admin_page(visit, "home.html", home=await read_home(visit, datetime.now(UTC)), stalls=STALLS)
