"""The public API of the directory of people."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.api.upload import REQUEST_BODY, UPLOAD, read_upload
from services.intake.imports import Planned, import_export
from services.intake.person import Availability, PersonRecord
from services.intake.resources import (
    AbsenceEdit,
    AbsenceView,
    DirectoryValues,
    ImportReport,
    PeoplePage,
    PeopleSort,
    PersonEnrolments,
    PersonView,
)
from services.intake.rules.by_hand import PersonEdit, version_of
from services.intake.rules.differences import check_share
from services.intake.store import absences, directory, edits, held
from services.intake.store import people as store
from shared.auth import Admin, Coordinator, Viewer
from shared.contracts.intake import NamedPeople
from shared.http.dependencies import AppDatabase, IdempotencyKey, Reading, Session
from shared.http.etags import check_present, etag
from shared.http.idempotency import Answer, answer_once
from shared.http.lists import Page, answer_list
from shared.http.paging import NO_NUL, Cursor, Limit, Search
from shared.http.problems import refusals
from shared.http.receiving import takes
from shared.http.routing import Route, except_for
from shared.http.tables import tables_too

Department = Annotated[str | None, Query(max_length=200, pattern=NO_NUL)]
Location = Annotated[str | None, Query(max_length=200, pattern=NO_NUL)]
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
    most_leaving_percent: Annotated[
        int | None,
        Query(ge=0, le=100, description="refuse a file by which a larger share of those who work here would leave"),
    ] = None,
) -> ImportReport:
    """Imports an HR export. Either all rows are imported or none, unless `skip_invalid` leaves out those that cannot be
    used. Importing the same file again changes nothing. It is 409 when other imports change the directory all the
    time, and when more people would leave than `most_leaving_percent` of those who work here."""
    upload = await read_upload(request)

    def check(planned: Planned, directory: list[PersonRecord]) -> None:
        if most_leaving_percent is not None:
            check_share(planned.plan, directory, most_leaving_percent)

    return await import_export(database, caller.organization_id, upload, skip_invalid=skip_invalid, check=check)


@router.get("", response_model=PeoplePage, responses=tables_too())
async def list_people(
    request: Request,
    caller: Viewer,
    database: AppDatabase,
    q: Search = None,
    id: Ids = None,
    department: Department = None,
    location: Location = None,
    level: Level = None,
    active: bool | None = None,
    availability: Availability | None = None,
    sort: PeopleSort = "id",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PeoplePage | Response:
    """The people of the directory. `q` looks at their names, addresses and job titles."""
    wanted = directory.Wanted(q, department, level, active, availability, location, id)

    async def read(session: AsyncSession, page: Page) -> PeoplePage:
        return await directory.list_people(session, caller.organization_id, wanted, page)

    return await answer_list(request, database, Page(sort, cursor, limit), read, name="people", item=PersonView)


@router.post("", status_code=201, response_model=PersonView)
async def create_person(
    person: PersonEdit, caller: Admin, session: Session, request: Request, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Adds one person by hand. The employee id and the address belong to nobody else, and the manager works here."""

    async def work() -> Answer:
        made = await edits.create_person(session, caller.organization_id, person)
        headers = {"location": f"/v1/people/{made.id}", "etag": _etag(made)}
        return Answer(status=201, body=made.model_dump(mode="json"), headers=headers)

    return await answer_once(session, request, caller.organization_id, idempotency_key, work)


@router.get("/values")
async def read_directory_values(caller: Viewer, session: Session) -> DirectoryValues:
    """The departments, locations and levels of the directory, with the number of their people who work here."""
    return await directory.read_values(session, caller.organization_id)


@router.get("/names")
async def read_names(
    caller: Viewer,
    session: Reading,
    person_id: Annotated[list[UUID], Query(min_length=1, max_length=200, description="whom; may be repeated")],
) -> NamedPeople:
    """The names of people whom other lists know by their ids, and what they do and where. Whoever is not in the
    directory is missing."""
    return await directory.read_names(session, caller.organization_id, person_id)


@router.get("/{person_id}", responses=refusals(404))
@except_for("import", "names", "values")
async def read_person(person_id: UUID, caller: Viewer, session: Session, response: Response) -> PersonView:
    person = await store.read_person(session, caller.organization_id, person_id)
    response.headers["etag"] = _etag(person)
    return person


@router.put("/{person_id}", responses=refusals(404))
@except_for("import", "names", "values")
async def replace_person(
    person_id: UUID,
    person: PersonEdit,
    caller: Admin,
    session: Session,
    response: Response,
    if_match: Annotated[str | None, Header()] = None,
) -> PersonView:
    """Replaces what the directory says about one person. Whoever is no longer active has left: open pairs end, and
    links stop working, as after an import."""
    expected = check_present(if_match)
    changed = await edits.replace_person(session, caller.organization_id, person_id, person, expected)
    response.headers["etag"] = _etag(changed)
    return changed


@router.get("/{person_id}/enrolments", responses=refusals(404))
async def list_person_enrolments(person_id: UUID, caller: Coordinator, session: Session) -> PersonEnrolments:
    """What the person enrolled with, the latest first. Whom they would rather not be matched with is told to nobody."""
    return await held.read_enrolments(session, caller.organization_id, person_id)


@router.get("/{person_id}/absence", responses=refusals(404))
async def read_absence(person_id: UUID, caller: Coordinator, session: Session) -> AbsenceView:
    """On which days the person is away, and who stands in for them. It is 404 `absence_not_found` if none is known."""
    return await absences.read_absence(session, caller.organization_id, person_id)


@router.put("/{person_id}/absence", responses=refusals(404))
async def set_absence(person_id: UUID, absence: AbsenceEdit, caller: Coordinator, session: Session) -> AbsenceView:
    """Says on which days the person is away, and who stands in for them as coordinator or sponsor: on these days the
    deputy gets their messages too. It replaces the absence that was known before."""
    return await absences.set_absence(session, caller.organization_id, person_id, absence)


@router.delete("/{person_id}/absence", status_code=204, responses=refusals(404))
async def end_absence(person_id: UUID, caller: Coordinator, session: Session) -> None:
    """Forgets the absence: from now on nobody stands in for the person."""
    await absences.end_absence(session, caller.organization_id, person_id)


def _etag(person: PersonView) -> str:
    return etag(version_of(person.model_dump(mode="json")))
