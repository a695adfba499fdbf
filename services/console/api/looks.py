"""The style sheet of an organization's colours, and its logo. Both may be kept for ever, as their addresses hold what
they are."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from services.console.look import LOGOS, SHEETS, digest_of, sheet_of
from shared.contracts.accounts import LogoFile
from shared.contracts.base import Service
from shared.errors import NotFound
from shared.http.dependencies import InternalClient
from shared.http.routing import Route

router = APIRouter(route_class=Route, include_in_schema=False)
HEADERS = {
    "cache-control": "public, max-age=31536000, immutable",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}
FileName = Annotated[str, Path(max_length=100)]


@router.get(f"{SHEETS}/{{name}}")
async def read_colours(name: FileName) -> Response:
    sheet = sheet_of(name)
    if sheet is None:
        raise _nothing()
    return Response(sheet, media_type="text/css; charset=utf-8", headers=HEADERS)


@router.get(f"{LOGOS}/{{organization_id}}/{{name}}")
async def read_logo(organization_id: UUID, name: FileName, internal: InternalClient) -> Response:
    """The logo that an organization shows now. Its type is one of two, whatever was uploaded as what."""
    digest = digest_of(name)
    if digest is None:
        raise _nothing()
    logo = await internal.get(Service.ACCOUNTS, f"/logos/{digest}", LogoFile, organization_id)
    return Response(logo.content, media_type=logo.media_type, headers=HEADERS)


def _nothing() -> NotFound:
    return NotFound("There is no such file.", code="file_not_found")
