"""The pages on which an organization writes the words of its messages and of its participants' pages itself."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Response
from starlette.datastructures import FormData

from services.console.admin.forms import Filled, SentForm
from services.console.admin.layout import admin_page
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.admin.wording.resources import Lines, Preview, ProgramName, ProgramNames, Text, Trial, Wording
from services.console.admin.wording.view import LIST, MOST, SOURCES, Place, errors_of, groups_of, list_address, title_of
from services.console.forms.errors import FieldError, Refused
from services.console.forms.questionnaire import text
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.contracts.notifications import PageText, Template
from shared.errors import Invalid, NotFound
from shared.language.choosing import SpokenLanguage
from shared.language.words import LANGUAGES, translatable

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
PAGE = f"{LIST}/{{template}}/{{language}}"
Named = Annotated[Template | PageText, Path()]
Spoken = Annotated[SpokenLanguage, Path()]
MARK = "etag"
MOST_PROGRAMS = 200
DONE = {
    "saved": translatable("Your words are saved. Pages and messages have them from now on."),
    "reset": translatable("Your words are gone. Pages and messages have the words below from now on."),
}


@router.api_route(LIST, methods=["GET", "HEAD"])
async def show_list(visit: CurrentVisit) -> Response:
    program_id = _program_id(visit)
    asked = {"program_id": str(program_id)} if program_id else None
    lines = await visit.api.get(Service.NOTIFICATIONS, "/wordings", Lines, asked)
    groups = groups_of([*lines.pages, *lines.items], program_id, visit.words)
    programs = await _programs(visit)
    return admin_page(visit, "wordings.html", groups=groups, programs=programs, program_id=program_id)


@router.api_route(PAGE, methods=["GET", "HEAD"])
async def show_wording(template: Named, language: Spoken, visit: CurrentVisit) -> Response:
    return await _form(visit, Place(template, language, _program_id(visit)), Filled())


@router.post(PAGE)
async def take_wording(template: Named, language: Spoken, sent: SentForm) -> Response:
    """Shows what was typed as a message, or stores it."""
    visit, typed = sent.visit, sent.typed
    place = Place(template, language, _program_id(visit))

    async def show(filled: Filled) -> Response:
        return await _form(visit, place, filled)

    async def save() -> str:
        etag = text(typed, MARK) or '"0"'
        try:
            await visit.api.put(Service.NOTIFICATIONS, place.api_path, Wording, _typed(typed), etag)
        except Invalid as error:
            raise _refused(visit, error) from None
        return f"{place.address}{'&' if place.program_id else '?'}done=saved"

    if sent.notice is not None or typed.get("do") == "save":
        return await sent.answer(Role.ADMIN, show, save)
    visit.need(Role.ADMIN)
    try:
        preview = await _preview(visit, place, _typed(typed))
    except Refused as refused:
        response = await show(Filled(typed, refused.errors))
        response.status_code = 422
        return response
    return await _form(visit, place, Filled(typed), preview)


@router.api_route(f"{PAGE}/reset", methods=["GET", "HEAD"])
async def show_reset(template: Named, language: Spoken, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _reset_form(visit, Place(template, language, _program_id(visit)), Filled())


@router.post(f"{PAGE}/reset")
async def take_reset(template: Named, language: Spoken, sent: SentForm) -> Response:
    visit, place = sent.visit, Place(template, language, _program_id(sent.visit))

    async def show(filled: Filled) -> Response:
        return await _reset_form(visit, place, filled)

    async def reset() -> str:
        await visit.api.delete(Service.NOTIFICATIONS, place.api_path, text(sent.typed, MARK) or '"0"')
        return f"{place.address}{'&' if place.program_id else '?'}done=reset"

    return await sent.answer(Role.ADMIN, show, reset)


async def _form(visit: Visit, place: Place, filled: Filled, preview: Preview | None = None) -> Response:
    """The words as they are stored, or as they were typed. Without words that were tried, it shows a message in those
    that are stored."""
    found = await visit.api.get_versioned(Service.NOTIFICATIONS, place.api_path, Wording)
    stored = found.value
    typed = filled.typed or FormData([("subject", stored.subject), ("body", stored.body)])
    stale = bool(filled.typed) and text(filled.typed, MARK) not in ("", found.etag)
    if preview is None and not filled.errors:
        try:
            preview = await _preview(visit, place, _typed(typed))
        except Refused as refused:  # words that were only kept, or that an earlier version took
            filled = filled._replace(errors=refused.errors)
    shown = dict(filled.for_template(visit.words)) | {"typed": typed}
    return admin_page(
        visit,
        "wording.html",
        **shown,
        **await _frame(visit, place),
        stored=stored,
        etag=found.etag,
        stale=stale,
        preview=preview,
        most=MOST,
        done_words=DONE,
    )


async def _reset_form(visit: Visit, place: Place, filled: Filled) -> Response:
    found = await visit.api.get_versioned(Service.NOTIFICATIONS, place.api_path, Wording)
    if not found.value.changed:
        raise NotFound("There are no words to take back.", code="page_not_found")
    shown = dict(filled.for_template(visit.words))
    frame = await _frame(visit, place)
    return admin_page(visit, "wording_reset.html", **shown, **frame, stored=found.value, etag=found.etag)


async def _frame(visit: Visit, place: Place) -> dict[str, Any]:
    programs = await _programs(visit)
    program = next((one.name for one in programs if one.id == place.program_id), "")
    return {
        "place": place,
        "program": program,
        "title": title_of(place.template),
        "of_page": isinstance(place.template, PageText),
        "languages": LANGUAGES,
        "sources": SOURCES,
        "back": list_address(place.program_id),
    }


async def _preview(visit: Visit, place: Place, words: Text) -> Preview:
    """A message in these words. Raises Refused."""
    trial = Trial(template=place.template, language=place.language, subject=words.subject, body=words.body)
    try:
        return await visit.api.post(Service.NOTIFICATIONS, "/wordings/preview", Preview, trial)
    except Invalid as error:
        raise _refused(visit, error) from None


async def _programs(visit: Visit) -> tuple[ProgramName, ...]:
    found = await visit.api.get(Service.PROGRAMS, "/programs", ProgramNames, {"limit": MOST_PROGRAMS, "sort": "name"})
    return found.items


def _refused(visit: Visit, error: Invalid) -> Refused:
    errors = errors_of(error.extra.get("errors", ()), visit.words)
    return Refused(errors or (FieldError("", error.detail),))


def _typed(typed: FormData) -> Text:
    return Text(subject=text(typed, "subject"), body=text(typed, "body"))


def _program_id(visit: Visit) -> UUID | None:
    """The program that the address names. Raises NotFound for what is no id."""
    asked = visit.query.get("program", "")
    try:
        return UUID(asked) if asked else None
    except ValueError:
        raise NotFound("There is no such page.", code="page_not_found") from None
