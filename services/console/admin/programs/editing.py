"""The form of a program: a new one, and one that is changed.

Every button but the last one only shows the form again, with more rows, with people who were found, or with the dates
of what was typed. The script of the page asks for the same while somebody types. Nothing is stored before the form is
saved.
"""

from typing import NamedTuple
from uuid import UUID

import httpx
import structlog
from fastapi import APIRouter, Response
from starlette.datastructures import FormData

from services.console.admin.forms import Act, Filled, Sent, SentForm
from services.console.admin.layout import admin_page
from services.console.admin.programs.form_view import FormPage, effects_of, others_of, search_of
from services.console.admin.programs.reading import (
    count_people,
    find_people,
    read_cycles,
    read_names,
    read_preview,
    try_rules,
)
from services.console.admin.programs.refusals import errors_of
from services.console.admin.programs.resources import (
    RUNNING,
    CyclesPage,
    Definition,
    Draft,
    Made,
    Preview,
    ProgramDetails,
)
from services.console.admin.programs.rules.effects import AWAY, FAILURES, UNREAD, EffectView, effect_view, failed
from services.console.admin.programs.rules.facts import WEIGHTS
from services.console.admin.programs.rules.versions import joined, read_mark, write_mark
from services.console.admin.programs.rules.zones import time_zones
from services.console.admin.programs.typed import chosen_people, fields_of, read_draft, topic_rows
from services.console.admin.programs.view import LIST
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.forms.errors import FieldError, Refused
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.contracts.programs import Calendar
from shared.errors import DomainError
from shared.http.public import Versioned
from shared.language.words import LANGUAGES

log = structlog.get_logger(__name__)
router = APIRouter(route_class=AdminRoute, include_in_schema=False)
SHOWN = 20
NAMELESS = "–"
"""Stands for the name while the dates of a program without one are shown."""
MARK = "mark"
OWN = ("sponsor_q", "coordinators_q", "do")
"""Fields that are no part of the definition."""
NEW = Definition(name="", recurs=False, calendar=Calendar(working_days=True))


class Tried(NamedTuple):
    """What the API says to what was typed."""

    draft: Draft | None = None
    """None if it is no definition yet."""
    preview: Preview | None = None
    errors: tuple[FieldError, ...] = ()

    @property
    def unread(self) -> list[FieldError]:
        """Why it is none."""
        return [] if self.preview else [one for one in self.errors if one.field != "name"] or list(self.errors)


@router.get(f"{LIST}/new")
async def show_new(visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _form(visit, None, Filled())


@router.post(f"{LIST}/new")
async def take_new(sent: SentForm) -> Response:
    async def create() -> str:
        draft = read_draft(sent.typed)
        try:
            made = await sent.visit.api.post(Service.PROGRAMS, "/programs", Made, draft, sent.once)
        except DomainError as error:
            raise _refused(error, draft) from None
        return f"{LIST}/{made.id}?done=created"

    return await _taken(sent, None, create)


@router.get(f"{LIST}/{{program_id}}/edit")
async def show_edit(program_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _form(visit, program_id, Filled())


@router.post(f"{LIST}/{{program_id}}/edit")
async def take_edit(program_id: UUID, sent: SentForm) -> Response:
    async def change() -> str:
        draft, mark = read_draft(sent.typed), read_mark(str(sent.typed.get(MARK, "")))
        try:
            await sent.visit.api.put(
                Service.PROGRAMS, f"/programs/{program_id}", ProgramDetails, draft, mark.etag or '"0"'
            )
        except DomainError as error:
            raise _refused(error, draft) from None
        return f"{LIST}/{program_id}?done=changed"

    return await _taken(sent, program_id, change)


async def _taken(sent: Sent, program_id: UUID | None, save: Act) -> Response:
    visit = sent.visit

    async def show(filled: Filled) -> Response:
        return await _form(visit, program_id, filled)

    if sent.notice is not None or sent.typed.get("do") == "save":
        return await sent.answer(Role.ADMIN, show, save)
    visit.need(Role.ADMIN)
    filled = Filled(sent.typed)
    if sent.typed.get("do") == "show" and (errors := (await _tried(visit, sent.typed)).errors):
        filled = Filled(sent.typed, errors, status=422)
    return await show(filled)


async def _form(visit: Visit, program_id: UUID | None, filled: Filled) -> Response:
    """The form as it was filled in; at first with what is stored, or with what we propose."""
    stored: Versioned[ProgramDetails] | None = None
    if program_id is not None:
        stored = await visit.api.get_versioned(Service.PROGRAMS, f"/programs/{program_id}", ProgramDetails)
    definition = stored.value.definition if stored else NEW
    typed = filled.typed or fields_of(definition)
    mark = str(typed.get(MARK, "")) or (write_mark(stored.etag, definition) if stored else "")
    tried = await _tried(visit, typed)
    how, before = None, tried.draft.definition if tried.draft else None
    if stored and before and read_mark(mark).etag != stored.etag:
        how = joined(read_mark(mark), before, definition)
        mark = write_mark(stored.etag, definition)
        typed = FormData(
            [*fields_of(how.definition).multi_items(), *((name, str(typed.get(name, ""))) for name in OWN)]
        )
        tried = await _tried(visit, typed)
    effect = await _effect(visit, program_id, tried) if typed.get("do") == "rules" else None
    found = [await find_people(visit.api, _text(typed, f"{field}_q")) for field in ("sponsor", "coordinators")]
    names = await read_names(visit.api, [*chosen_people(typed), *definition.named])
    now = how.definition if how else before
    page = FormPage(
        program=stored.value if stored else None,
        mark=mark,
        rows=topic_rows(typed),
        sponsor=search_of(visit.words, typed, "sponsor", names, found[0]),
        coordinators=search_of(visit.words, typed, "coordinators", names, found[1]),
        nobody=await count_people(visit.api) == 0,
        preview=tried.preview,
        unread=tried.unread,
        time_zone=tried.draft.time_zone if tried.draft else definition.time_zone,
        running=await _running(visit, program_id),
        effects=effects_of(visit.words, definition, now, names) if stored and now else None,
        others=others_of(visit.words, before, definition, how, names) if how and before else None,
        effect=effect,
    )
    shown = dict(filled.for_template(visit.words)) | {"typed": typed}
    lists = {"zones": time_zones(), "languages": LANGUAGES, "weights": WEIGHTS}
    return admin_page(visit, "program_form.html", filled.status, page=page, lists=lists, **shown)


async def _tried(visit: Visit, typed: FormData) -> Tried:
    """Asks the API what the definition would do. A missing name is told and hinders nothing."""
    try:
        draft = read_draft(typed)
    except Refused as refused:
        return Tried(errors=refused.errors)
    nameless = not draft.name
    asked = draft.model_copy(update={"name": NAMELESS}) if nameless else draft
    errors = tuple(errors_of([{"field": "body.name"}], draft)) if nameless else ()
    try:
        return Tried(asked, await read_preview(visit.api, asked), errors)
    except DomainError as error:
        if error.status != 422:
            raise
        return Tried(errors=(*errors, *errors_of(error.extra.get("errors", ()), draft)))


async def _effect(visit: Visit, program_id: UUID | None, tried: Tried) -> EffectView:
    """What the rules in the form would do."""
    if tried.draft is None:
        return EffectView(visit.words.gettext(UNREAD))
    try:
        return effect_view(visit.words, await try_rules(visit.api, tried.draft, program_id))
    except DomainError as error:
        if error.code not in FAILURES:
            raise
        return failed(visit.words, error.code)
    except httpx.HTTPError as error:
        log.warning("service.unavailable", error=type(error).__name__)
        return failed(visit.words, AWAY)


async def _running(visit: Visit, program_id: UUID | None) -> CyclesPage:
    if program_id is None:
        return CyclesPage(items=())
    return await read_cycles(visit.api, program_id, stage=RUNNING, limit=SHOWN)


def _refused(error: DomainError, draft: Draft) -> Exception:
    """The error with the fields of our form, if it is about fields."""
    named = error.extra.get("errors")
    return Refused(errors_of(named, draft)) if named else error


def _text(typed: FormData, name: str) -> str:
    return str(typed.get(name, "")).strip().replace("\x00", "")[:100]
