"""The page that shows one cycle to whoever may read it. It changes nothing."""

from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from fastapi import APIRouter, Response

from services.console.admin.layout import admin_page
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit
from services.console.cycles import read_cycle_page
from services.console.reasons import reasons_of_pair
from shared.http.dependencies import AppDatabase, AppSettings, InternalClient
from shared.rounds.store import read_rounds

router = APIRouter(route_class=AdminRoute, include_in_schema=False)


@router.get("/console/cycles/{cycle_id}")
async def show_cycle(
    cycle_id: UUID,
    visit: CurrentVisit,
    database: AppDatabase,
    internal: InternalClient,
    settings: AppSettings,
    after: UUID | None = None,
) -> Response:
    """The cycle with one page of its pairs; `after` is the cursor of that page."""
    organization_id = visit.who.organization.id
    async with database.transaction() as session:
        rounds = await read_rounds(session, organization_id, cycle_id)
    found = await read_cycle_page(internal, organization_id, cycle_id, rounds, after)
    return admin_page(
        visit,
        "cycle.html",
        cycle=found,
        cycle_id=cycle_id,
        first=after is None,
        public_url=settings.public_url,
        now=datetime.now(UTC),
        reasons_of=partial(reasons_of_pair, words=visit.words),
    )
