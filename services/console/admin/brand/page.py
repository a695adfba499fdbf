"""The page on which an organization chooses the name of its sender, its colour and its logo."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from services.console.admin.brand import view
from services.console.admin.brand.view import DONE, LOGO, PAGE, RESET, Chosen, Details
from services.console.admin.forms import FILE_ONCE_MORE, Filled, SentForm, read_sent_file
from services.console.admin.layout import admin_page
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit, current_visit
from services.console.forms.errors import FieldError, Refused
from services.console.forms.questionnaire import text
from services.console.submission import refuse_cross_site
from shared.contracts.accounts import Brand, Palette, Role
from shared.contracts.base import Service
from shared.errors import Invalid, NotFound, PreconditionFailed
from shared.http.dependencies import AppSettings, PublicApiClient
from shared.http.receiving import BodyLimits, takes

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
MARK = "etag"
NEVER = '"0"'
WITH_FILE = BodyLimits(most_bytes=10 * view.MOST_BYTES)
"""More than a logo may have, so that a larger picture is told so and not cut off."""


@router.api_route(PAGE, methods=["GET", "HEAD"])
@router.api_route(LOGO, methods=["GET", "HEAD"])
async def show_brand(visit: CurrentVisit) -> Response:
    """Also where a file was sent: signing in leads back there."""
    return await _form(visit, Filled())


@router.post(PAGE)
async def take_brand(sent: SentForm) -> Response:
    """Shows what was typed in colours, or stores it."""
    visit, typed = sent.visit, sent.typed

    async def show(filled: Filled) -> Response:
        return await _form(visit, filled)

    async def save() -> str:
        try:
            await visit.api.put(Service.ACCOUNTS, "/brand", Details, _chosen(typed), text(typed, MARK) or NEVER)
        except Invalid as error:
            raise Refused(view.errors_of(error.extra.get("errors", ()), visit.words)) from None
        return f"{PAGE}?done=saved"

    async def preview() -> Response:
        try:
            shown = await visit.api.post(Service.ACCOUNTS, "/brand/preview", Brand, _chosen(typed))
        except Invalid as error:
            raise Refused(view.errors_of(error.extra.get("errors", ()), visit.words)) from None
        return await _form(visit, Filled(typed), shown.palette)

    return await sent.answer(Role.ADMIN, show, save if typed.get("do") == "save" else preview)


@router.post(LOGO)
@takes(WITH_FILE)
async def take_logo(request: Request, public_api: PublicApiClient, settings: AppSettings) -> Response:
    """Stores the file, or takes the logo away. A file cannot be kept in hidden fields: whoever is not signed in chooses
    it again."""
    refuse_cross_site(request, settings.public_url)
    visit = await current_visit(request, public_api, settings)
    visit.need(Role.ADMIN)
    sent = await read_sent_file(request, visit, WITH_FILE.most_bytes)
    if sent is None:
        return await _form(visit, Filled(errors=(FieldError("file", FILE_ONCE_MORE),), status=403))
    mark = str(sent.typed.get(MARK, "")) or NEVER
    try:
        if sent.typed.get("do") == "remove":
            await visit.api.delete(Service.ACCOUNTS, "/brand/logo", mark)
            return RedirectResponse(f"{PAGE}?done=removed", status_code=303)
        if (errors := await _store(visit, sent.data, mark)) is not None:
            return await _form(visit, Filled(errors=errors, status=422))
    except PreconditionFailed:
        return await _form(visit, Filled(errors=(FieldError("", view.NOT_STORED),), status=412))
    return RedirectResponse(f"{PAGE}?done=logo", status_code=303)


@router.api_route(RESET, methods=["GET", "HEAD"])
async def show_reset(visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _reset_form(visit, Filled())


@router.post(RESET)
async def take_reset(sent: SentForm) -> Response:
    visit = sent.visit

    async def show(filled: Filled) -> Response:
        return await _reset_form(visit, filled)

    async def reset() -> str:
        await visit.api.delete(Service.ACCOUNTS, "/brand", text(sent.typed, MARK) or NEVER)
        return f"{PAGE}?done=reset"

    return await sent.answer(Role.ADMIN, show, reset)


async def _store(visit: Visit, data: bytes, mark: str) -> tuple[FieldError, ...] | None:
    """Why the file was not stored; None if it was."""
    if not data:
        return (FieldError("file", view.NO_FILE),)
    if len(data) > view.MOST_BYTES:
        return view.picture_errors("picture_too_large")
    if not (kind := view.media_type_of(data)):
        return view.picture_errors("no_picture")
    try:
        await visit.api.put_file(Service.ACCOUNTS, "/brand/logo", Details, data, kind, mark)
    except Invalid as error:
        return view.picture_errors(error.code)
    return None


async def _form(visit: Visit, filled: Filled, tried: Palette | None = None) -> Response:
    found = await visit.api.get_versioned(Service.ACCOUNTS, "/brand", Details)
    stored = found.value
    typed = filled.typed or FormData([(name, getattr(stored, name) or "") for name in view.FIELDS])
    stale = bool(filled.typed) and text(filled.typed, MARK) not in ("", found.etag)
    shown = dict(filled.for_template(visit.words)) | {"typed": typed}
    was_tried = bool(filled.typed) and not filled.errors and filled.notice is None
    return admin_page(
        visit,
        "brand.html",
        filled.status,
        **shown,
        stored=stored,
        etag=found.etag,
        stale=stale,
        tried=was_tried,
        samples=view.samples_of(tried if was_tried else stored.palette),
        most=view.MOST_NAME,
        done_words=DONE,
    )


async def _reset_form(visit: Visit, filled: Filled) -> Response:
    found = await visit.api.get_versioned(Service.ACCOUNTS, "/brand", Details)
    if found.value.is_ours:
        raise NotFound("There is nothing to take back.", code="page_not_found")
    shown = dict(filled.for_template(visit.words))
    return admin_page(visit, "brand_reset.html", **shown, stored=found.value, etag=found.etag)


def _chosen(typed: FormData) -> Chosen:
    """What is left empty is ours."""
    name, accent, accent_dark = (text(typed, field) or None for field in view.FIELDS)
    return Chosen(sender_name=name, accent=accent, accent_dark=accent_dark)
