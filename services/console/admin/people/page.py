"""The list of people: the directory of the organization."""

import asyncio

from fastapi import APIRouter, Response

from services.console.admin.layout import admin_page
from services.console.admin.people.resources import PeoplePage, Values
from services.console.admin.people.view import DONE, HERE, LIST, SORTS, PeopleList, wanted_of
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit
from shared.contracts.base import Service
from shared.http.lists import MOST_COUNTED
from shared.http.tables import TABLE

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
AT_ONCE = 50


@router.api_route(LIST, methods=["GET", "HEAD"])
async def show_people(visit: CurrentVisit) -> Response:
    wanted = wanted_of(visit.query)
    page, values = await asyncio.gather(
        visit.api.get(Service.INTAKE, "/people", PeoplePage, wanted.params | {"limit": AT_ONCE}),
        visit.api.get(Service.INTAKE, "/people/values", Values),
    )
    shown = PeopleList(wanted, page, values)
    return admin_page(visit, "people.html", list=shown, most=MOST_COUNTED, sorts=SORTS, here=HERE, done_sentences=DONE)


@router.api_route(f"{LIST}.csv", methods=["GET", "HEAD"])
async def show_table(visit: CurrentVisit) -> Response:
    wanted = wanted_of(visit.query)
    table = await visit.api.get_table(Service.INTAKE, "/people", wanted._replace(cursor="").params)
    headers = {"content-disposition": 'attachment; filename="people.csv"'}
    return Response(table, media_type=TABLE, headers=headers)
