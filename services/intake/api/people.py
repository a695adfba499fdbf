"""The public API of the directory of people."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from services.intake.api.upload import REQUEST_BODY, UPLOAD, read_upload
from services.intake.imports import import_export
from services.intake.resources import ImportReport, PeoplePage, PersonView
from services.intake.store import people as store
from shared.auth import Admin, Viewer
from shared.http.dependencies import AppDatabase, Session
from shared.http.paging import Cursor, Limit, decode_cursor, encode_cursor
from shared.http.problems import refusals
from shared.http.receiving import takes
from shared.http.routing import Route, except_for

NO_NUL = r"^[^\x00]*$"
"""Postgres cannot store the NUL character in a text."""

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


@router.get("")
async def list_people(
    caller: Viewer,
    session: Session,
    cursor: Cursor = None,
    limit: Limit = 50,
    department: Annotated[str | None, Query(max_length=200, pattern=NO_NUL)] = None,
    active: bool | None = None,
) -> PeoplePage:
    people, last = await store.read_people(
        session,
        caller.organization_id,
        after=decode_cursor(cursor),
        limit=limit,
        department=department,
        active=active,
    )
    return PeoplePage(items=tuple(people), next=encode_cursor(last) if last else None)


@router.get("/{person_id}", responses=refusals(404))
@except_for("import")
async def read_person(person_id: UUID, caller: Viewer, session: Session) -> PersonView:
    return await store.read_person(session, caller.organization_id, person_id)
