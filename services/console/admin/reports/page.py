"""The report of a cycle, two reports of a program side by side, and the list of reports."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.console.admin.layout import admin_page
from services.console.admin.navigation import REPORTS
from services.console.admin.reports.charts import Chart, Charts, Told
from services.console.admin.reports.resources import Cycle, EndedCycle, EndedCycles, Program, Report, Supply
from services.console.admin.reports.tables import table_of
from services.console.admin.reports.view import Comparison, ReportPage, chosen_of, grouped, told_of
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.forms.registry import round_title
from shared.contracts.base import Service
from shared.contracts.programs import Stage
from shared.errors import NotFound
from shared.http.public import PublicApi
from shared.http.tables import TABLE

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
ENDED = [Stage.COMPLETED.value, Stage.CANCELLED.value]
A_PAGE = 50
MOST_TO_CHOOSE = 200
Chosen = Annotated[UUID | None, Query()]


@router.get(REPORTS)
async def list_reports(visit: CurrentVisit, q: str = "", cursor: str = "") -> Response:
    wanted = {"stage": ENDED, "sort": "-stage_changed_at", "limit": A_PAGE}
    searched = {"q": q[:100]} if q.strip() else {}
    turned = {"cursor": cursor} if cursor else {}
    found = await visit.api.get(Service.PROGRAMS, "/cycles", EndedCycles, wanted | searched | turned)
    groups = grouped(found.items)
    return admin_page(visit, "reports.html", found=found, groups=groups, q=q, first=not cursor)


@router.get("/console/cycles/{cycle_id}/report")
async def show_report(cycle_id: UUID, visit: CurrentVisit) -> Response:
    """The report; or that there is none yet, and when there will be one."""
    cycle = await visit.api.get(Service.PROGRAMS, f"/cycles/{cycle_id}", Cycle)
    program = await _program(visit.api, cycle.program_id)
    try:
        told = await _told(visit.api, program, cycle)
    except NotFound as missing:
        if missing.code != "report_not_ready":
            raise
        return admin_page(visit, "report.html", page=ReportPage(program, cycle, None))
    page = ReportPage(program, cycle, told.report, Charts(visit.words, round_title, told).all())
    return admin_page(visit, "report.html", page=page)


@router.get("/console/cycles/{cycle_id}/report.csv")
async def take_report(cycle_id: UUID, visit: CurrentVisit, table: str = "") -> Response:
    """One table of the report, or all of them."""
    cycle = await visit.api.get(Service.PROGRAMS, f"/cycles/{cycle_id}", Cycle)
    told = await _told(visit.api, await _program(visit.api, cycle.program_id), cycle)
    return _table(visit, Charts(visit.words, round_title, told).all(), table, f"report-{cycle.period}")


@router.get("/console/programs/{program_id}/compare")
async def compare(program_id: UUID, visit: CurrentVisit, a: Chosen = None, b: Chosen = None) -> Response:
    """Two cycles of the program that have ended, by default the newest two."""
    return admin_page(visit, "compare.html", page=await _compared(visit, program_id, a, b))


@router.get("/console/programs/{program_id}/compare.csv")
async def take_comparison(
    program_id: UUID, visit: CurrentVisit, a: Chosen = None, b: Chosen = None, table: str = ""
) -> Response:
    page = await _compared(visit, program_id, a, b)
    return _table(visit, page.charts, table, "-".join(["compare", *(cycle.period for cycle in page.chosen)]))


async def _compared(visit: Visit, program_id: UUID, a: UUID | None, b: UUID | None) -> Comparison:
    program = await _program(visit.api, program_id)
    query = {"stage": ENDED, "sort": "-starts_at", "limit": MOST_TO_CHOOSE, "program_id": str(program_id)}
    ended = (await visit.api.get(Service.PROGRAMS, "/cycles", EndedCycles, query)).items
    chosen = chosen_of(ended, a, b)
    if chosen is None:
        raise NotFound("This program has no such cycle, or it has not ended.", code="cycle_not_found")
    page = Comparison(program, ended, chosen)
    if len(chosen) == 2:
        told = [await _told(visit.api, program, cycle) for cycle in chosen]
        page = page._replace(charts=Charts(visit.words, round_title, *told).all())
    return page


def _table(visit: Visit, charts: Sequence[Chart], table: str, name: str) -> Response:
    """The chart of this id as a table; all of them without an id. Raises NotFound."""
    found = [chart for chart in charts if table in ("", chart.id)]
    if table and not found:
        raise NotFound("The report has no such table.", code="page_not_found")
    file = f"{name}-{table}" if table else name
    headers = {"content-disposition": f'attachment; filename="{file}.csv"'}
    return Response(table_of(visit.words, found), media_type=TABLE, headers=headers)


async def _program(api: PublicApi, program_id: UUID) -> Program:
    return await api.get(Service.PROGRAMS, f"/programs/{program_id}", Program)


async def _told(api: PublicApi, program: Program, cycle: Cycle | EndedCycle) -> Told:
    """Raises NotFound (`report_not_ready`) until the report is compiled."""
    report = await api.get(Service.FEEDBACK, f"/cycles/{cycle.id}/report", Report)
    supply = await api.get(Service.INTAKE, f"/cycles/{cycle.id}/topics", Supply)
    return told_of(program, cycle, report, supply)
