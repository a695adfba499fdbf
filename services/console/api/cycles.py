"""The page that shows one cycle to an admin. It changes nothing."""

from uuid import UUID

from fastapi import APIRouter, Response

from services.console.api.sign_in import SignedIn
from services.console.cycles import read_cycle_page
from services.console.pages import PageRoute, page
from shared.http.dependencies import AppDatabase, AppSettings, InternalClient
from shared.rounds.store import read_rounds

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/console/cycles/{cycle_id}")
async def show_cycle(
    cycle_id: UUID,
    caller: SignedIn,
    database: AppDatabase,
    internal: InternalClient,
    settings: AppSettings,
    after: UUID | None = None,
) -> Response:
    """The cycle with one page of its pairs; `after` is the cursor of that page."""
    async with database.transaction() as session:
        rounds = await read_rounds(session, caller.organization_id, cycle_id)
    found = await read_cycle_page(internal, caller.organization_id, cycle_id, rounds, after)
    return page("cycle.html", cycle=found, cycle_id=cycle_id, first=after is None, public_url=settings.public_url)
