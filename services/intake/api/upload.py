"""Reading an uploaded file, which may not grow beyond a limit, neither in memory nor on disk."""

import asyncio
from collections.abc import AsyncGenerator

from fastapi import Request
from starlette.datastructures import UploadFile

from services.intake.importing.column_map import ColumnMap
from services.intake.importing.problems import FileTooLarge, FileTypeUnknown
from services.intake.imports import Upload
from shared.errors import BadRequest
from shared.http.receiving import BYTEWISE, BodyLimits, read_multipart

MAX_BYTES = 20 * 1024 * 1024
MAX_MAP_BYTES = 100 * 1024
ALONE = ("text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
"""The types of a file that is sent without a form."""
SPARE = 64 * 1024  # for the lines that belong to the multipart form itself

CSV = """\
employee_id,name,email,department,level,manager_id
1,Ada Stone,ada.stone@example.com,Strategy,5,
2,Dev Patel,dev.patel@example.com,Sales,1,1
"""
UPLOAD = BodyLimits(most_bytes=MAX_BYTES + MAX_MAP_BYTES + SPARE, seconds=120, at_once=2)

REQUEST_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": "CSV or XLSX, at most 20 MB and 100,000 rows",
                    },
                    "columns": {"type": "string", "format": "binary", "description": "column mapping, TOML"},
                },
            },
            "example": {"file": CSV},
        },
        "text/csv": {"schema": {"type": "string", "description": "the CSV file alone"}, "example": CSV},
        ALONE[1]: {
            "schema": {"type": "string", "format": "binary", "description": "the XLSX file alone"},
            "example": "the bytes of the file",
        },
    },
}


async def read_upload(request: Request) -> Upload:
    """The export and its column map. Raises FileTooLarge, FileTypeUnknown, BadRequest, ColumnsInvalid."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ALONE:
        file = b"".join([chunk async for chunk in _limited(request, MAX_BYTES)])
        return Upload(file, ColumnMap())
    if kind != "multipart/form-data":
        raise FileTypeUnknown("Send the file as multipart/form-data (file, columns) or alone as text/csv or XLSX.")
    return await _read_form(request)


async def _read_form(request: Request) -> Upload:
    stream = _limited(request, MAX_BYTES + MAX_MAP_BYTES + SPARE)
    kind = request.headers["content-type"]
    try:
        form = await read_multipart(kind, stream, files=2, fields=2, part_bytes=MAX_BYTES + SPARE)
    except ValueError:
        raise BadRequest(
            "The multipart form cannot be read: it has a file part and at most one columns part.", code="bad_form"
        ) from None
    try:
        file, columns = form.get("file"), form.get("columns")
        if file is None:
            raise BadRequest("The form has no part named file.", code="file_missing")
        data = await _bytes_of(file)
        if len(data) > MAX_BYTES:
            raise _too_large()
        mapping = await _bytes_of(columns) if columns is not None else b""
        if len(mapping) > MAX_MAP_BYTES:
            raise FileTooLarge("The column mapping is larger than 100 kB.")
        return Upload(data, await asyncio.to_thread(ColumnMap.from_toml, mapping))
    finally:
        await form.close()


async def _bytes_of(part: UploadFile | str) -> bytes:
    return await part.read() if isinstance(part, UploadFile) else part.encode(BYTEWISE)


async def _limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large()
        yield chunk


def _too_large() -> FileTooLarge:
    return FileTooLarge("The file is larger than 20 MB; split it or leave out columns.")
