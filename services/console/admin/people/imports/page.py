"""Importing people in four steps: the file, its columns, the differences, and what was done."""

from collections.abc import Iterable
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from services.console.admin.forms import FILE_ONCE_MORE, Filled, SentForm, read_sent_file
from services.console.admin.layout import admin_page
from services.console.admin.people.imports import view
from services.console.admin.people.imports.view import IMPORT, Apply, PendingImport, Preview, Problem, Report
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit, current_visit
from services.console.forms.errors import FieldError, Refused
from services.console.submission import refuse_cross_site
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.errors import Conflict, DomainError, Invalid
from shared.http.dependencies import AppSettings, PublicApiClient
from shared.http.receiving import BodyLimits, takes
from shared.http.routing import slot
from shared.language.words import Words

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
UPLOADS = "/people/import/uploads"
MOST_BYTES = 20 * 1024 * 1024
WITH_FILE = BodyLimits(most_bytes=MOST_BYTES + 64 * 1024, seconds=120, at_once=2)
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SIGNATURE = b"PK\x03\x04"
FEW = 10
LONGEST_FINGERPRINT = 64
BY_STATUS = {413: view.TOO_LARGE, 422: view.NOT_READ, 429: view.BUSY}


@router.api_route(IMPORT, methods=["GET", "HEAD"])
async def show_file(visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return _file(visit)


@router.post(IMPORT)
@takes(WITH_FILE)
async def take_file(request: Request, public_api: PublicApiClient, settings: AppSettings) -> Response:
    """A file cannot be kept in hidden fields: whoever is not signed in chooses it again."""
    refuse_cross_site(request, settings.public_url)
    visit = await current_visit(request, public_api, settings)
    visit.need(Role.ADMIN)
    with slot(request, visit.who.organization.id, WITH_FILE, IMPORT):
        sent = await read_sent_file(request, visit, WITH_FILE.most_bytes)
    if sent is None:
        return _file(visit, [FieldError("file", FILE_ONCE_MORE)], 403)
    if not sent.data:
        return _file(visit, [FieldError("file", view.NO_FILE)], 422)
    kind = WORKBOOK if sent.data.startswith(SIGNATURE) else "text/csv"
    try:
        pending = await visit.api.send_file(Service.INTAKE, UPLOADS, PendingImport, sent.data, kind)
    except DomainError as error:
        if error.status not in BY_STATUS:
            raise
        return _file(visit, [FieldError("file", BY_STATUS[error.status]), *_reasons(error, visit.words)], error.status)
    return RedirectResponse(f"{IMPORT}/{pending.id}", status_code=303)


@router.api_route(f"{IMPORT}/{{upload_id}}", methods=["GET", "HEAD"])
async def show_columns(upload_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _columns(visit, upload_id, Filled())


@router.post(f"{IMPORT}/{{upload_id}}")
async def take_columns(upload_id: UUID, sent: SentForm) -> Response:
    visit = sent.visit

    async def act() -> str:
        pending = await _read(visit, upload_id)
        if (another := view.another_table(pending, sent.typed)) is not None:
            return await _read_anew(visit, upload_id, another)
        chosen = view.chosen_of(pending, sent.typed)
        if chosen.twice:
            raise Refused(FieldError(name, view.TWICE) for name in chosen.twice)
        if "again" in sent.typed:
            return await _read_anew(visit, upload_id, chosen.column_map)
        try:
            await visit.api.post(Service.INTAKE, f"{UPLOADS}/{upload_id}/preview", Preview, chosen.column_map)
        except Invalid as error:
            raise Refused(_wrong_columns(error, visit.words)) from None
        return f"{IMPORT}/{upload_id}/changes"

    return await sent.answer(Role.ADMIN, lambda filled: _columns(visit, upload_id, filled), act)


@router.api_route(f"{IMPORT}/{{upload_id}}/changes", methods=["GET", "HEAD"])
async def show_changes(upload_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _changes(visit, upload_id, Filled())


@router.post(f"{IMPORT}/{{upload_id}}/changes")
async def apply_changes(upload_id: UUID, sent: SentForm) -> Response:
    visit = sent.visit
    number = str(sent.typed.get("confirm", ""))
    leaving = int(number) if number.isascii() and number.isdigit() and len(number) < 7 else None
    shown = str(sent.typed.get("fingerprint", ""))[:LONGEST_FINGERPRINT] or None
    how = Apply(confirm_leaving=leaving, skip_invalid="skip" in sent.typed, fingerprint=shown)

    async def act() -> str:
        if "decide" in sent.typed:
            return await _decide(visit, upload_id, sent.typed)
        try:
            await visit.api.post(Service.INTAKE, f"{UPLOADS}/{upload_id}/apply", Report, how)
        except Conflict as error:
            if error.code == "too_many_leaving":
                raise Refused([FieldError("confirm", view.CONFIRM)]) from None
            raise Refused([FieldError("", view.OUTDATED)]) from None
        except Invalid:
            raise Refused([FieldError("skip", view.SKIP)]) from None
        return f"{IMPORT}/{upload_id}/done"

    return await sent.answer(Role.ADMIN, lambda filled: _changes(visit, upload_id, filled), act)


@router.api_route(f"{IMPORT}/{{upload_id}}/done", methods=["GET", "HEAD"])
async def show_done(upload_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    pending = await _read(visit, upload_id)
    if pending.report is None:
        return await _changes(visit, upload_id, Filled())
    return admin_page(visit, "import_done.html", steps=view.STEPS, step="done", report=pending.report)


async def _read_anew(visit: Visit, upload_id: UUID, column_map: view.ColumnMap) -> str:
    try:
        await visit.api.put(Service.INTAKE, f"{UPLOADS}/{upload_id}/column-map", PendingImport, column_map)
    except Invalid as error:
        raise Refused(_wrong_columns(error, visit.words)) from None
    return f"{IMPORT}/{upload_id}"


async def _decide(visit: Visit, upload_id: UUID, typed: FormData) -> str:
    """Keeps what was said about rows of which it is not clear who they are."""
    said = view.answered(await _read(visit, upload_id), typed)
    try:
        await visit.api.post(Service.INTAKE, f"{UPLOADS}/{upload_id}/preview", Preview, said)
    except Invalid as error:
        raise Refused(_wrong_columns(error, visit.words)) from None
    return f"{IMPORT}/{upload_id}/changes"


def _file(visit: Visit, errors: Iterable[FieldError] = (), status: int = 200) -> Response:
    fields = Filled(errors=tuple(errors)).for_template(visit.words)
    return admin_page(visit, "import_file.html", status, steps=view.STEPS, step="file", **fields)


async def _columns(visit: Visit, upload_id: UUID, filled: Filled) -> Response:
    pending = await _read(visit, upload_id)
    if pending.look is None:
        return RedirectResponse(f"{IMPORT}/{upload_id}/done", status_code=303)
    fields = dict(filled.for_template(visit.words))
    if not filled.typed:
        fields["typed"] = FormData(view.as_typed(pending))
    return admin_page(
        visit,
        "import_columns.html",
        steps=view.STEPS,
        step="columns",
        address=f"{IMPORT}/{upload_id}",
        look=pending.look,
        choices=view.FIELDS,
        dates=view.DATES,
        standings=view.STANDINGS,
        **fields,
    )


async def _changes(visit: Visit, upload_id: UUID, filled: Filled) -> Response:
    pending = await _read(visit, upload_id)
    if pending.look is None:
        return RedirectResponse(f"{IMPORT}/{upload_id}/done", status_code=303)
    try:
        preview = await visit.api.post(Service.INTAKE, f"{UPLOADS}/{upload_id}/preview", Preview)
    except Invalid as error:
        return await _columns(visit, upload_id, Filled(errors=tuple(_wrong_columns(error, visit.words)), status=422))
    return admin_page(
        visit,
        "import_changes.html",
        steps=view.STEPS,
        step="changes",
        preview=preview,
        back=f"{IMPORT}/{upload_id}",
        changed=view.CHANGED,
        said=view.answers_of(pending),
        others=pending.column_map.get("identity", {}).get("others", "refuse"),
        answers=view.ANSWERS,
        all_others=view.OTHERS,
        **filled.for_template(visit.words),
    )


async def _read(visit: Visit, upload_id: UUID) -> PendingImport:
    return await visit.api.get(Service.INTAKE, f"{UPLOADS}/{upload_id}", PendingImport)


def _wrong_columns(error: Invalid, words: Words) -> list[FieldError]:
    """What stands in the way, beside its setting or as the importer tells it."""
    if error.code == "import_invalid":
        return [FieldError("", view.CANNOT_BE_USED), *_reasons(error, words)]
    named = (str(one["field"]).rpartition(".")[2] for one in error.extra.get("errors", ()))
    return [FieldError(name if name in view.DEFAULTS else "", view.WRONG_SETTING) for name in dict.fromkeys(named)]


def _reasons(error: DomainError, words: Words) -> list[FieldError]:
    found = [Problem.model_validate(one) for one in error.extra.get("errors", ())[:FEW] if "reason" in one]
    return [FieldError("", view.placed(problem, words)) for problem in found]
