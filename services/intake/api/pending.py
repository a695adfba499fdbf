"""The public API of who has not answered an enrolment or acceptance round."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.api.people import Department, Level
from services.intake.resources import PendingPage, PendingPerson, PeopleSort
from services.intake.store import directory
from shared.auth import Coordinator
from shared.http.dependencies import AppDatabase
from shared.http.lists import Page, answer_list
from shared.http.paging import Cursor, Limit, Search
from shared.http.routing import Route
from shared.http.tables import tables_too

router = APIRouter(route_class=Route, prefix="/v1/rounds", tags=["people"])


@router.get("/{round_id}/pending", response_model=PendingPage, responses=tables_too(403, 404))
async def list_pending(
    round_id: UUID,
    request: Request,
    caller: Coordinator,
    database: AppDatabase,
    q: Search = None,
    department: Department = None,
    level: Level = None,
    sort: PeopleSort = "name",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PendingPage | Response:
    """Who is asked by this enrolment or acceptance round and has not answered. Of check-ins and surveys only the counts
    are told, in the cycle's `rounds`."""
    wanted = directory.Wanted(q, department, level)

    async def read(session: AsyncSession, page: Page) -> PendingPage:
        return await directory.list_pending(session, caller.organization_id, round_id, wanted, page)

    return await answer_list(request, database, Page(sort, cursor, limit), read, name="pending", item=PendingPerson)
