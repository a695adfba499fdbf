"""HTTP edge of how an organization shows itself: the name of its sender, its colour and its logo."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.accounts.resources import BrandDefinition, BrandDetails
from services.accounts.rules.colours import DARK, LIGHT, TooFaint, fault_of, palette_of
from services.accounts.rules.pictures import MOST_BYTES, MOST_PIXELS, NotALogo, Wrong, logo_of
from services.accounts.store import brands as store
from shared.auth import Admin, ServiceCaller, Viewer
from shared.contracts.accounts import Brand, LogoFile
from shared.errors import DomainError, Invalid
from shared.http.dependencies import AppDatabase, Reading, Session
from shared.http.etags import check_present, etag
from shared.http.problems import refusals
from shared.http.receiving import BodyLimits, takes
from shared.http.routing import Route

router = APIRouter(route_class=Route, prefix="/v1/brand", tags=["accounts"])
internal = APIRouter(route_class=Route, prefix="/internal/accounts", include_in_schema=False)
IfMatch = Annotated[str | None, Header()]
TYPES = ("image/png", "image/jpeg")
SENT = (*TYPES, "application/octet-stream")
"""How a logo may be sent. Generated clients know a file only by the last of these."""
PICTURE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "The logo.", "content": dict.fromkeys(TYPES, PICTURE)},
    **refusals(404),
}
BODY = {
    "required": True,
    "content": dict.fromkeys(SENT, PICTURE | {"example": "the bytes of the file"}),
}
SAYS = {
    Wrong.NO_PICTURE: "It is neither a PNG nor a JPEG.",
    Wrong.BROKEN: "It is not a whole picture: export it anew.",
    Wrong.TOO_LARGE: f"It has more than {MOST_BYTES:,} bytes.",
    Wrong.WRONG_SIZE: f"Its sides must have 16 to {MOST_PIXELS:,} pixels.",
}


class LogoTypeUnknown(DomainError):
    status = 415
    code = "logo_type_unknown"


@router.get("")
async def read_brand(caller: Viewer, session: Session, response: Response) -> BrandDetails:
    """The name of the sender of mails, the accent colour with what follows from it, and what is known of the logo."""
    return await _read(caller.organization_id, session, response)


@router.put("")
async def replace_brand(
    body: BrandDefinition, caller: Admin, session: Session, response: Response, if_match: IfMatch = None
) -> BrandDetails:
    """Sets the name of the sender and the accent colour. A colour in which a text could not be read by everybody (WCAG
    AA, in either theme) is refused, with its contrast and the nearest colour that would pass. The logo stays."""
    expected = check_present(if_match)
    _check_colours(body)
    await store.save_brand(session, caller.organization_id, body, expected)
    return await _read(caller.organization_id, session, response)


@router.post("/preview")
async def preview_brand(body: BrandDefinition, caller: Viewer) -> Brand:
    """What would be shown, checked as when it is set. Nothing is stored."""
    _check_colours(body)
    return Brand(sender_name=body.sender_name, palette=palette_of(body.accent, body.accent_dark))


@router.delete("")
async def reset_brand(caller: Admin, session: Session, response: Response, if_match: IfMatch = None) -> BrandDetails:
    """Takes everything back that was set, the logo too."""
    expected = check_present(if_match)
    await store.reset_brand(session, caller.organization_id, expected)
    return await _read(caller.organization_id, session, response)


@router.get("/logo", response_class=Response, responses=ANSWER)
async def read_logo(caller: Viewer, session: Session) -> Response:
    logo = await store.read_logo(session, caller.organization_id)
    return Response(logo.content, media_type=logo.media_type, headers={"x-content-type-options": "nosniff"})


@router.put("/logo", openapi_extra={"requestBody": BODY}, responses=refusals(413, 415, 422))
@takes(BodyLimits(most_bytes=MOST_BYTES + 1))  # one more, so that a file that is too large is told so
async def replace_logo(
    request: Request, caller: Admin, database: AppDatabase, response: Response, if_match: IfMatch = None
) -> BrandDetails:
    """Sets the logo: a PNG or JPEG of at most 100 kB, whose sides have 16 to 1,200 pixels. What kind it is, its content
    says. What is no picture in it, such as a comment, is not kept."""
    expected = check_present(if_match)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in SENT:
        raise LogoTypeUnknown(f"Send the picture alone, as {SENT[0]}, {SENT[1]} or {SENT[2]}.")
    logo = _logo(await request.body())  # before a transaction begins
    async with database.transaction() as session:
        await store.save_logo(session, caller.organization_id, logo, expected)
        return await _read(caller.organization_id, session, response)


@router.delete("/logo")
async def remove_logo(caller: Admin, session: Session, response: Response, if_match: IfMatch = None) -> BrandDetails:
    """Takes the logo away."""
    expected = check_present(if_match)
    await store.save_logo(session, caller.organization_id, None, expected)
    return await _read(caller.organization_id, session, response)


@internal.get("/brand")
async def give_brand(caller: ServiceCaller, session: Reading) -> Brand:
    return await store.read_brand(session, caller.organization_id)


@internal.get("/logos/{digest}")
async def give_logo(
    digest: Annotated[str, Path(pattern="^[0-9a-f]{64}$")], caller: ServiceCaller, session: Session
) -> LogoFile:
    return await store.read_logo(session, caller.organization_id, digest)


async def _read(organization_id: UUID, session: AsyncSession, response: Response) -> BrandDetails:
    found = await store.read_details(session, organization_id)
    response.headers["etag"] = etag(found.version)
    return found


def _logo(data: bytes) -> LogoFile:
    """Raises Invalid."""
    try:
        return logo_of(data)
    except NotALogo as refused:
        said = SAYS[refused.wrong]
        error = {"field": "body", "code": refused.wrong.value, "detail": said}
        raise Invalid(f"This file cannot be a logo. {said}", code=refused.wrong.value, errors=[error]) from None


def _check_colours(brand: BrandDefinition) -> None:
    """Raises Invalid."""
    if brand.accent is None:
        if brand.accent_dark is not None:
            code, detail = "accent_missing", "needs accent, which is the colour of the light theme"
            error = {"field": "body.accent_dark", "code": code, "detail": detail}
            raise Invalid("There is a colour for the dark theme alone.", code=code, errors=[error])
        return
    faults = {"body.accent": fault_of(brand.accent, LIGHT)}
    if (palette := palette_of(brand.accent, brand.accent_dark)) is not None:
        faults["body.accent_dark"] = fault_of(palette.dark.accent, DARK)
    errors = [_error(field, fault) for field, fault in faults.items() if fault is not None]
    if errors:
        raise Invalid(str(errors[0]["detail"]), code="contrast_too_low", errors=errors)


def _error(field: str, fault: TooFaint) -> dict[str, Any]:
    said = f"In the {fault.theme} theme its contrast is {fault.ratio}:1; it needs 4.5:1, as {fault.would_pass} has."
    return {"field": field, "code": "contrast_too_low", "detail": said} | fault._asdict()
