"""The pages about reports: of one's own organization, without what is hidden, and side by side."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from services.accounts import main as accounts
from services.console import main as console
from services.feedback import main as feedback
from services.feedback.models import StoredReport
from services.intake import main as intake
from services.programs import main as programs
from services.programs.models import CycleRow, ProgramRow
from shared.auth import Role
from shared.contracts.programs import Outcome, Stage
from shared.database import Database
from tests.services.conftest import client_of
from tests.services.wrong_input.public_routes import add_world

Ids = dict[str, UUID | int]


@pytest.fixture
async def world(db: Database, organization_id: UUID) -> Ids:
    """An organization with one cycle, whose report is stored."""
    return await add_world(db, organization_id)


@pytest.fixture
async def client(
    world: Ids, application: Callable[..., FastAPI], access_key: Callable[..., Awaitable[dict[str, str]]]
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(accounts, programs, feedback, intake, console)) as client:
        client.headers.update(await access_key(Role.VIEWER))
        yield client


async def end_cycle(db: Database, world: Ids) -> None:
    async with db.transaction() as session:
        over = {"stage": Stage.COMPLETED, "outcome": Outcome.COMPLETED, "ended_at": datetime.now(UTC)}
        await session.execute(update(CycleRow).where(CycleRow.id == world["cycle_id"]).values(**over))


async def add_earlier(db: Database, world: Ids) -> UUID:
    """A cycle of the same program that was completed before."""
    id = uuid4()
    async with db.transaction() as session:
        cycle = (await session.execute(select(CycleRow).where(CycleRow.id == world["cycle_id"]))).scalar_one()
        report = (
            await session.execute(select(StoredReport).where(StoredReport.cycle_id == world["cycle_id"]))
        ).scalar_one()
        same = {name: getattr(cycle, name) for name in ("direction", "topics", "calendar", "policy", "program_id")}
        session.add(
            CycleRow(
                **same, id=id, organization_id=cycle.organization_id, period="2026-Q0", stage=Stage.CANCELLED,
                outcome=Outcome.CANCELLED, starts_at=cycle.starts_at - timedelta(days=90),
            )
        )  # fmt: skip
        of_report = {"organization_id": cycle.organization_id, "outcome": Outcome.CANCELLED}
        session.add(StoredReport(cycle_id=id, document=report.document, **of_report))
    return id


async def test_a_report_is_shown_with_charts_and_says_why_figures_are_hidden(
    client: httpx.AsyncClient, world: Ids
) -> None:
    page = await client.get(f"/console/cycles/{world['cycle_id']}/report")
    assert page.status_code == 200
    assert "Completed: the report is ready." in page.text
    assert 'href="#hidden-figures">hidden</a>' in page.text
    assert 'id="hidden-figures">Why some figures are hidden' in page.text
    assert "style=" not in page.text
    tables = re.findall(r'href="([^"]*report\.csv[^"]*)"', page.text)
    assert len(tables) == 1 + page.text.count('class="card chart')
    for address in tables:
        table = await client.get(address)
        assert (table.status_code, table.headers["content-type"]) == (200, "text/csv; charset=utf-8")
        assert table.headers["content-disposition"].startswith('attachment; filename="report-2026-Q1')
    assert "A figure about fewer than five people is hidden." in (await client.get(tables[0])).text
    assert (await client.get(f"{tables[0]}?table=none")).status_code == 404


async def test_a_cycle_that_runs_has_no_report_yet(client: httpx.AsyncClient, db: Database, world: Ids) -> None:
    async with db.transaction() as session:
        found = (await session.execute(select(StoredReport))).scalars()
        for one in found:
            await session.delete(one)
    page = await client.get(f"/console/cycles/{world['cycle_id']}/report")
    assert page.status_code == 200
    assert "There is no report yet" in page.text
    assert "in the stage “Active”" in page.text
    assert "/compare" not in page.text


async def test_another_organization_s_reports_are_not_there(
    client: httpx.AsyncClient, db: Database, world: Ids
) -> None:
    other = await add_world(db, uuid4())
    for path in (
        f"/console/cycles/{other['cycle_id']}/report",
        f"/console/cycles/{other['cycle_id']}/report.csv",
        f"/console/programs/{other['program_id']}/compare.csv",
        f"/console/cycles/{uuid4()}/report",
        f"/console/programs/{other['program_id']}/compare",
        f"/console/programs/{world['program_id']}/compare?a={other['cycle_id']}",
    ):
        page = await client.get(path)
        assert (path, page.status_code) == (path, 404)


async def test_two_cycles_that_have_ended_are_compared(client: httpx.AsyncClient, db: Database, world: Ids) -> None:
    address = f"/console/programs/{world['program_id']}/compare"
    assert "There is nothing to compare yet" in (await client.get(address)).text
    await end_cycle(db, world)
    earlier = await add_earlier(db, world)
    page = await client.get(address)
    assert page.status_code == 200
    assert f'<option value="{earlier}" selected>2026-Q0 (Cancelled)</option>' in page.text
    assert f'<option value="{world["cycle_id"]}" selected>2026-Q1</option>' in page.text
    assert "Difference" in page.text
    tables = [one.replace("&amp;", "&") for one in re.findall(r'href="([^"]*compare\.csv[^"]*)"', page.text)]
    assert len(tables) == 1 + page.text.count('class="card chart')
    for table in tables:
        assert "2026-Q0,Note,2026-Q1,Note,Difference" in (await client.get(table)).text, table
    same = await client.get(address, params={"a": str(earlier), "b": str(earlier)})
    assert "Choose two different cycles." in same.text


async def test_the_list_of_reports_names_what_has_ended_and_says_what_makes_one(
    client: httpx.AsyncClient, db: Database, world: Ids
) -> None:
    assert "A report is compiled by itself when a cycle ends" in (await client.get("/console/reports")).text
    await end_cycle(db, world)
    async with db.transaction() as session:
        named = update(ProgramRow).where(ProgramRow.id == world["program_id"]).values(name="<b>Digital</b>")
        await session.execute(named)
    page = await client.get("/console/reports")
    assert f'href="/console/cycles/{world["cycle_id"]}/report"' in page.text
    assert "&lt;b&gt;Digital&lt;/b&gt;" in page.text
    assert "<b>Digital" not in page.text
    assert "Compare two cycles" not in page.text
    nothing = await client.get("/console/reports", params={"q": '"><script>'})
    assert "Nothing that has ended fits these words." in nothing.text
    assert "<script>" not in nothing.text
