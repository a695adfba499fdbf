"""The public API of the directory of people."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

import structlog
from fastapi import APIRouter, Query, Request

from services.intake.api.upload import REQUEST_BODY, UPLOAD, read_upload
from services.intake.importing.drafts import parse_people
from services.intake.importing.plan import ImportPlan, plan_import
from services.intake.resources import ImportReport, PeoplePage, PersonView
from services.intake.store import people as store
from shared.auth import Admin, Viewer
from shared.contracts.events import EventData, PeopleImported, PersonLeft, PersonReturned
from shared.events import emit
from shared.http.dependencies import Session
from shared.http.paging import Cursor, Limit, decode_cursor, encode_cursor
from shared.http.problems import refusals
from shared.http.receiving import takes
from shared.http.routing import Route, except_for

NO_NUL = r"^[^\x00]*$"
"""Postgres cannot store the NUL character in a text."""

log = structlog.get_logger(__name__)
router = APIRouter(route_class=Route, prefix="/v1/people", tags=["people"])


@router.post("/import", openapi_extra={"requestBody": REQUEST_BODY}, responses=refusals(400, 415, 429))
@takes(UPLOAD)
async def import_people(
    request: Request,
    caller: Admin,
    session: Session,
    skip_invalid: Annotated[bool, Query(description="import the other rows when some cannot be used")] = False,
) -> ImportReport:
    """Imports an HR export. Either all rows are imported or none, unless `skip_invalid` leaves out those that cannot be
    used. Importing the same file again changes nothing."""
    upload = await read_upload(request)  # nothing is held meanwhile: the session connects with its first statement
    today = datetime.now(UTC).date()
    parsed = await asyncio.to_thread(parse_people, upload.file, upload.column_map, today)
    await store.lock_directory(session, caller.organization_id)
    directory = await store.read_directory(session, caller.organization_id)
    plan = await asyncio.to_thread(plan_import, parsed, directory, skip_invalid=skip_invalid)
    await store.change_people(session, caller.organization_id, plan.changed)
    await store.create_people(session, caller.organization_id, plan.created)
    report = ImportReport(
        import_id=uuid4(),
        created=len(plan.created),
        changed=len(plan.changed),
        unchanged=plan.unchanged,
        deactivated=len(plan.left),
        skipped_leavers=plan.skipped_leavers,
        left_out=tuple(plan.left_out),
        notes=tuple(plan.notes),
    )
    rows_left_out = len({problem.line for problem in plan.left_out})
    counts = {"created": report.created, "changed": report.changed, "skipped": report.skipped_leavers + rows_left_out}
    imported = PeopleImported(import_id=report.import_id, **counts)
    await emit(session, caller.organization_id, *_events_of(plan), imported)
    log.info("people.imported", import_id=str(report.import_id), **counts)
    return report


def _events_of(plan: ImportPlan) -> Iterator[EventData]:
    """An event for everybody who left or returned, in the order of the file. `people.imported` follows them."""
    yield from (PersonLeft(person_id=person_id) for person_id in plan.left)
    yield from (PersonReturned(person_id=person_id) for person_id in plan.returned)


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
