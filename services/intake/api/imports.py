"""The public API of imports in steps: a file, its columns, the differences, and applying them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from services.intake import pending_imports
from services.intake.api.upload import REQUEST_BODY, UPLOAD, read_upload
from services.intake.importing.column_map import ColumnMap
from services.intake.pending_imports import PendingImport
from services.intake.resources import ImportReport
from services.intake.rules.differences import ImportPreview
from shared.auth import Admin
from shared.http.dependencies import AppDatabase
from shared.http.problems import refusals
from shared.http.receiving import BodyLimits, takes
from shared.http.routing import Route

router = APIRouter(route_class=Route, prefix="/v1/people/import/uploads", tags=["people"])
READING = BodyLimits(at_once=4, work="reading uploads")
"""Each of these requests reads the whole file, and most of them the directory too."""


class ApplyImport(BaseModel):
    """How a file is applied. An unknown field is refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={"examples": [{"skip_invalid": True}]},
    )

    confirm_leaving: Annotated[int | None, Field(ge=0, le=1_000_000)] = None
    """How many people leave. It must be named if that is more than a tenth of those who work here."""
    skip_invalid: bool = False
    """Import the other rows if some cannot be used."""
    fingerprint: Annotated[str | None, Field(max_length=64)] = None
    """That of the preview which somebody has looked at. It is 409 if another one was made since, as by another admin;
    without it, the last preview counts."""


@router.post("", status_code=201, openapi_extra={"requestBody": REQUEST_BODY}, responses=refusals(400, 415, 429))
@takes(UPLOAD)
async def upload_import(request: Request, caller: Admin, database: AppDatabase) -> PendingImport:
    """Keeps an HR export for an hour, and says which columns it has. Nothing is imported yet."""
    return await pending_imports.keep(database, caller.organization_id, await read_upload(request))


@router.get("/{upload_id}", responses=refusals(404, 429))
@takes(READING)
async def read_import_upload(upload_id: UUID, caller: Admin, database: AppDatabase) -> PendingImport:
    return await pending_imports.read(database, caller.organization_id, upload_id)


@router.put("/{upload_id}/column-map", responses=refusals(404, 429))
@takes(READING)
async def replace_import_mapping(
    upload_id: UUID, column_map: ColumnMap, caller: Admin, database: AppDatabase
) -> PendingImport:
    """Keeps the mapping, and answers what the file holds with it, such as the columns of another sheet. It is 422 and
    keeps nothing if the file has not what the mapping names."""
    return await pending_imports.choose(database, caller.organization_id, upload_id, column_map)


@router.post("/{upload_id}/preview", responses=refusals(404, 429))
@takes(READING)
async def preview_import(
    upload_id: UUID, caller: Admin, database: AppDatabase, column_map: ColumnMap | None = None
) -> ImportPreview:
    """What the import would change, with the mapping that is sent, which is kept, or with the kept one. Nothing is
    imported yet."""
    return await pending_imports.preview(database, caller.organization_id, upload_id, column_map)


@router.post("/{upload_id}/apply", responses=refusals(404, 409, 429))
@takes(READING)
async def apply_import(upload_id: UUID, how: ApplyImport, caller: Admin, database: AppDatabase) -> ImportReport:
    """Imports the file as the last preview showed it, keeps its mapping for the next file, and drops the file. It is
    409 if the directory or the file's meaning has changed since, or if so many would leave that their number must be
    named. The same request again gets the same answer."""
    return await pending_imports.apply(
        database,
        caller.organization_id,
        upload_id,
        confirm_leaving=how.confirm_leaving,
        skip_invalid=how.skip_invalid,
        shown=how.fingerprint,
    )
