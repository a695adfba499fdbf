"""An import in steps: a file is kept for an hour, looked at, tried with a mapping, and applied as it was shown."""

import json
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.importing.column_map import ColumnMap
from services.intake.importing.problems import ColumnsInvalid
from services.intake.imports import Planned, Upload, import_export, in_thread, try_import
from services.intake.person import PersonRecord
from services.intake.resources import ImportReport
from services.intake.rules.differences import (
    ImportPreview,
    PreviewOutdated,
    check_leaving,
    fingerprint_of,
    preview_of,
)
from services.intake.rules.looking import FileLook, first_map, look_at
from services.intake.store import uploads
from services.intake.store.uploads import Kept
from shared.contracts.base import Contract
from shared.database import Database


class PendingImport(Contract):
    """A file that waits to be imported."""

    id: UUID
    expires_at: AwareDatetime
    look: FileLook | None
    """What the file holds. Null once it was imported, as the file is gone then."""
    column_map: ColumnMap
    """The mapping as it is now: the one that was sent, or else the one with which your organization imported last."""
    report: ImportReport | None = None
    """What the import did, once it was applied."""


async def keep(database: Database, organization_id: UUID, upload: Upload) -> PendingImport:
    """Raises ImportInvalid if the file cannot be read."""
    async with database.transaction() as session:
        kept = await uploads.read_mapping(session, organization_id)
    remembered = None if kept is None else ColumnMap.model_validate(kept)
    column_map = await in_thread(partial(first_map, upload.file, upload.column_map, remembered))
    async with database.transaction() as session:
        upload_id = await uploads.keep_upload(session, organization_id, upload.file, _json(column_map))
    return await read(database, organization_id, upload_id)


async def read(database: Database, organization_id: UUID, upload_id: UUID) -> PendingImport:
    """Raises UploadNotFound, ImportInvalid."""
    return await _shown(upload_id, await _kept(database, organization_id, upload_id))


async def _shown(upload_id: UUID, kept: Kept) -> PendingImport:
    column_map = ColumnMap.model_validate(kept.column_map)
    look = None if kept.file is None else await in_thread(partial(look_at, kept.file, column_map))
    report = None if kept.report is None else ImportReport.model_validate(kept.report)
    return PendingImport(id=upload_id, expires_at=kept.expires_at, look=look, column_map=column_map, report=report)


async def choose(database: Database, organization_id: UUID, upload_id: UUID, column_map: ColumnMap) -> PendingImport:
    """Keeps the mapping, and says what the file holds with it. Raises UploadNotFound, ImportInvalid."""
    kept = await _kept(database, organization_id, upload_id)
    _upload(kept)
    chosen = _json(column_map)
    pending = await _shown(upload_id, kept._replace(column_map=chosen))
    async with database.transaction() as session:
        await uploads.note_preview(session, organization_id, upload_id, chosen, None)
    return pending


async def preview(
    database: Database, organization_id: UUID, upload_id: UUID, column_map: ColumnMap | None
) -> ImportPreview:
    """What the import would do with this mapping, which is kept, or with the kept one. Raises UploadNotFound,
    ImportInvalid."""
    upload = _upload(await _kept(database, organization_id, upload_id), column_map)
    if column_map is not None:  # also one that leads to a refusal, so that it can be mended
        async with database.transaction() as session:
            await uploads.note_preview(session, organization_id, upload_id, _json(column_map), None)
    planned, directory = await try_import(database, organization_id, upload)
    found = preview_of(planned.plan, directory)
    async with database.transaction() as session:
        await uploads.note_preview(session, organization_id, upload_id, _json(upload.column_map), found.fingerprint)
    return found


async def apply(
    database: Database,
    organization_id: UUID,
    upload_id: UUID,
    *,
    confirm_leaving: int | None,
    skip_invalid: bool,
    shown: str | None = None,
) -> ImportReport:
    """Imports the file as the last preview showed it, which must have the fingerprint `shown` if that is given. The
    same request again gets the same report.

    Raises UploadNotFound, PreviewOutdated, TooManyLeaving, ImportInvalid, DirectoryKeepsChanging."""
    kept = await _kept(database, organization_id, upload_id)
    if kept.report is not None:
        return ImportReport.model_validate(kept.report)
    upload = _upload(kept)

    def check(planned: Planned, directory: list[PersonRecord]) -> None:
        found = fingerprint_of(planned.plan)
        if found != kept.fingerprint or shown not in (None, found):
            raise PreviewOutdated("The import would do something else than the preview showed; look at it again.")
        check_leaving(planned.plan, directory, confirm_leaving)

    async def finish(session: AsyncSession, planned: Planned) -> None:
        report = planned.report.model_dump(mode="json")
        if not await uploads.note_report(session, organization_id, upload_id, report):
            raise PreviewOutdated("The file was imported in the meantime; look at it again.")
        await uploads.keep_mapping(session, organization_id, _json(upload.column_map))

    return await import_export(database, organization_id, upload, skip_invalid=skip_invalid, check=check, finish=finish)


async def _kept(database: Database, organization_id: UUID, upload_id: UUID) -> Kept:
    """Raises UploadNotFound."""
    async with database.transaction() as session:
        return await uploads.read_upload(session, organization_id, upload_id)


def _upload(kept: Kept, column_map: ColumnMap | None = None) -> Upload:
    """The file with this mapping, or else with its own. Raises UploadNotFound if it was imported already."""
    if kept.file is None:
        raise uploads.UploadNotFound("This file was imported already.")
    return Upload(kept.file, column_map or ColumnMap.model_validate(kept.column_map))


def _json(column_map: ColumnMap) -> dict[str, Any]:
    """Raises ColumnsInvalid for what Postgres cannot store."""
    document = column_map.model_dump(mode="json")
    if "\\u0000" in json.dumps(document):
        raise ColumnsInvalid("The column mapping holds a NUL character.")
    return document
