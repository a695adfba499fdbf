"""The pages for those who run programs. A new page is a module with a `router`, a template, and a line here."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from services.console.admin.brand import page as brand
from services.console.admin.concerns import page as concerns
from services.console.admin.cycles import control_page as cycle_controls
from services.console.admin.cycles import ending_page as cycle_endings
from services.console.admin.cycles import page as cycles
from services.console.admin.home import page as home
from services.console.admin.integrations import page as integrations
from services.console.admin.keys import page as keys
from services.console.admin.messages import page as messages
from services.console.admin.messages import previews as message_previews
from services.console.admin.navigation import HOME
from services.console.admin.people import page as people
from services.console.admin.people.absence import page as person_absence
from services.console.admin.people.edit import page as person_edit
from services.console.admin.people.imports import page as people_import
from services.console.admin.people.person import page as person
from services.console.admin.programs import archiving as programs_archiving
from services.console.admin.programs import editing as programs_editing
from services.console.admin.programs import page as programs
from services.console.admin.programs import starting as programs_starting
from services.console.admin.reports import page as reports
from services.console.admin.review import pages as review
from services.console.admin.routes import AdminRoute
from services.console.admin.sessions import page as sessions
from services.console.admin.sign_in import one_time
from services.console.admin.sign_in import page as sign_in
from services.console.admin.visit import CurrentVisit
from services.console.admin.wording import page as wording
from shared.errors import NotFound

ROUTERS: tuple[APIRouter, ...] = (
    home.router,
    reports.router,
    *review.ROUTERS,
    messages.router,
    message_previews.router,
    message_previews.framed,
    wording.router,
    brand.router,
    programs_editing.router,
    programs_archiving.router,
    programs_starting.router,
    programs.router,
    integrations.router,
    cycles.router,
    cycle_controls.router,
    cycle_endings.router,
    concerns.router,
    keys.router,
    sessions.router,
    sign_in.router,
    one_time.router,
    people.router,
    person_edit.router,
    person_absence.router,
    people_import.router,
    person.router,
)


class Elsewhere(AdminRoute):
    """The route of addresses below `/console` that no page has. A page is there for its other methods too, which the
    framework refuses."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        if match != Match.NONE and any(page.path_regex.match(scope["path"]) for page in _pages()):
            return Match.NONE, {}
        return match, child


elsewhere = APIRouter(route_class=Elsewhere, include_in_schema=False)
"""It is included last."""


@elsewhere.api_route(f"{HOME}/{{rest:path}}", methods=["GET", "HEAD"])
async def show_nothing(rest: str, visit: CurrentVisit) -> Response:
    raise NotFound("There is no such page.", code="page_not_found")


def _pages() -> Iterator[APIRoute]:
    return (route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute))
