"""SQL of files that wait to be imported, and of the mapping that an organization used last."""

from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.models import ImportMapping, ImportUpload
from shared.errors import NotFound

KEPT = timedelta(hours=1)
MOST_KEPT = 4
"""So many files of one organization are kept beside a new one; older ones go."""


class UploadNotFound(NotFound):
    code = "upload_not_found"


class Kept(NamedTuple):
    """A file as it is kept."""

    file: bytes | None
    column_map: dict[str, Any]
    fingerprint: str | None
    report: dict[str, Any] | None
    expires_at: Any


async def keep_upload(session: AsyncSession, organization_id: UUID, file: bytes, column_map: dict[str, Any]) -> UUID:
    """Keeps the file for an hour. Those whose hour is over, and the oldest of many, go."""
    mine = ImportUpload.organization_id == organization_id
    newest = select(ImportUpload.id).where(mine).order_by(ImportUpload.created_at.desc()).limit(MOST_KEPT)
    await session.execute(
        delete(ImportUpload).where(mine, or_(ImportUpload.expires_at <= func.now(), ImportUpload.id.not_in(newest)))
    )
    upload_id = uuid4()
    values = {"id": upload_id, "organization_id": organization_id, "file": file, "column_map": column_map}
    await session.execute(insert(ImportUpload).values(**values, expires_at=func.now() + KEPT))
    return upload_id


async def read_upload(session: AsyncSession, organization_id: UUID, upload_id: UUID) -> Kept:
    """Raises UploadNotFound, also when its hour is over."""
    row = await session.scalar(select(ImportUpload).where(*_this(organization_id, upload_id)))
    if row is None:
        raise UploadNotFound("There is no such file; it is kept for an hour. Send it again.")
    return Kept(row.file, row.column_map, row.fingerprint, row.report, row.expires_at)


async def note_preview(
    session: AsyncSession, organization_id: UUID, upload_id: UUID, column_map: dict[str, Any], fingerprint: str | None
) -> None:
    await session.execute(
        update(ImportUpload)
        .where(*_this(organization_id, upload_id))
        .values(column_map=column_map, fingerprint=fingerprint)
    )


async def note_report(session: AsyncSession, organization_id: UUID, upload_id: UUID, report: dict[str, Any]) -> bool:
    """Notes what the import did, and drops the file. False if somebody else has imported it already."""
    done = await session.scalars(
        update(ImportUpload)
        .where(*_this(organization_id, upload_id), ImportUpload.report.is_(None), ImportUpload.file.is_not(None))
        .values(report=report, file=None)
        .returning(ImportUpload.id)
    )
    return done.one_or_none() is not None


async def drop_expired(session: AsyncSession) -> int:
    """Drops the files and reports of all organizations whose hour is over, and says how many."""
    gone = await session.scalars(
        delete(ImportUpload).where(ImportUpload.expires_at <= func.now()).returning(ImportUpload.id)
    )
    return len(gone.all())


async def read_mapping(session: AsyncSession, organization_id: UUID) -> dict[str, Any] | None:
    query = select(ImportMapping.column_map).where(ImportMapping.organization_id == organization_id)
    return (await session.scalars(query)).one_or_none()


async def keep_mapping(session: AsyncSession, organization_id: UUID, column_map: dict[str, Any]) -> None:
    values = {"column_map": column_map, "updated_at": func.now()}
    statement = insert(ImportMapping).values(organization_id=organization_id, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=[ImportMapping.organization_id], set_=values))


def _this(organization_id: UUID, upload_id: UUID) -> list[ColumnElement[bool]]:
    mine = ImportUpload.organization_id == organization_id
    return [mine, ImportUpload.id == upload_id, ImportUpload.expires_at > func.now()]
