"""The public API of the directory of people."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.api.upload import REQUEST_BODY, UPLOAD, read_upload
from services.intake.imports import import_export
from services.intake.person import Availability
from services.intake.resources import ImportReport, PeoplePage, PeopleSort, PersonView
from services.intake.store import directory
from services.intake.store import people as store
from shared.auth import Admin, Viewer
from shared.http.dependencies import AppDatabase, Session
from shared.http.lists import NO_NUL, Page, Search, answer_list
from shared.http.paging import Cursor, Limit
from shared.http.problems import refusals
from shared.http.receiving import takes
from shared.http.routing import Route, except_for
from shared.http.tables import tables_too

Department = Annotated[str | None, Query(max_length=200, pattern=NO_NUL)]
Level = Annotated[int | None, Query(ge=-1_000_000, le=1_000_000)]
Ids = Annotated[list[UUID] | None, Query(max_length=200, description="only these people; may be repeated")]

router = APIRouter(route_class=Route, prefix="/v1/people", tags=["people"])


@router.post("/import", openapi_extra={"requestBody": REQUEST_BODY}, responses=refusals(400, 409, 415, 429))
@takes(UPLOAD)
async def import_people(
    request: Request,
    caller: Admin,
    database: AppDatabase,
    skip_invalid: Annotated[bool, Query(description="import the other rows when some cannot be used")] = False,
) -> ImportReport:
    """Imports an HR export. Either all rows are imported or none, unless `skip_invalid` leaves out those that cannot be
    used. Importing the same file again changes nothing. It is 409 when other imports change the directory all the
    time."""
    upload = await read_upload(request)
    return await import_export(database, caller.organization_id, upload, skip_invalid=skip_invalid)


@router.get("", response_model=PeoplePage, responses=tables_too())
async def list_people(
    request: Request,
    caller: Viewer,
    database: AppDatabase,
    q: Search = None,
    id: Ids = None,
    department: Department = None,
    level: Level = None,
    active: bool | None = None,
    availability: Availability | None = None,
    sort: PeopleSort = "id",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PeoplePage | Response:
    """The people of the directory. `q` looks at their names, addresses and job titles."""
    wanted = directory.Wanted(q, department, level, active, availability, id)

    async def read(session: AsyncSession, page: Page) -> PeoplePage:
        return await directory.list_people(session, caller.organization_id, wanted, page)

    return await answer_list(request, database, Page(sort, cursor, limit), read, name="people", item=PersonView)


@router.get("/{person_id}", responses=refusals(404))
@except_for("import")
async def read_person(person_id: UUID, caller: Viewer, session: Session) -> PersonView:
    return await store.read_person(session, caller.organization_id, person_id)
