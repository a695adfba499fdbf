"""Adding and editing one person by hand."""

from collections.abc import Iterable
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel
from starlette.datastructures import FormData

from services.console.admin.forms import Filled, SentForm
from services.console.admin.layout import admin_page
from services.console.admin.people.edit.view import (
    LABELS,
    STANDING,
    Wrong,
    as_typed,
    edit_of,
    is_stale,
    now_of,
    refused,
    stale,
)
from services.console.admin.people.reading import find_person
from services.console.admin.people.resources import Person, Values
from services.console.admin.people.view import LIST
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.forms.errors import FieldError, Refused
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.errors import Invalid, NotFound, PreconditionFailed

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
NEW = FormData({"standing": "here", "level": "1"})


@router.api_route(f"{LIST}/new", methods=["GET", "HEAD"])
async def show_new(visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _form(visit, Filled(NEW))


@router.post(f"{LIST}/new")
async def add_person(sent: SentForm) -> Response:
    visit = sent.visit

    async def save() -> str:
        edit = edit_of(sent.typed, await find_person(visit.api, "manager", str(sent.typed.get("manager", ""))))
        try:
            made = await visit.api.post(Service.INTAKE, "/people", Person, edit, sent.once)
        except Invalid as error:
            raise _refused(error) from None
        return f"{LIST}/{made.id}?done=added"

    return await sent.answer(Role.ADMIN, lambda filled: _form(visit, filled), save)


@router.api_route(f"{LIST}/{{person_id}}/edit", methods=["GET", "HEAD"])
async def show_edit(person_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.ADMIN)
    return await _form(visit, Filled(), person_id)


@router.post(f"{LIST}/{{person_id}}/edit")
async def save_person(person_id: UUID, sent: SentForm) -> Response:
    visit = sent.visit

    async def save() -> str:
        edit = edit_of(sent.typed, await find_person(visit.api, "manager", str(sent.typed.get("manager", ""))))
        await _put(visit, person_id, edit, str(sent.typed.get("etag", "")))
        return f"{LIST}/{person_id}?done=saved"

    return await sent.answer(Role.ADMIN, lambda filled: _form(visit, filled, person_id), save)


async def _put(visit: Visit, person_id: UUID, edit: BaseModel, etag: str) -> None:
    try:
        await visit.api.put(Service.INTAKE, f"/people/{person_id}", Person, edit, etag)
    except PreconditionFailed as error:
        raise _told(stale(error.extra.get("changed", ()))) from None
    except Invalid as error:
        raise _refused(error) from None


def _refused(error: Invalid) -> Refused:
    return _told(refused(error.extra.get("errors", ()), taken=error.code == "person_invalid"))


def _told(wrong: Iterable[Wrong]) -> Refused:
    return Refused(FieldError(one.field, one.sentence) for one in wrong)


async def _form(visit: Visit, filled: Filled, person_id: UUID | None = None) -> Response:
    values = await visit.api.get(Service.INTAKE, "/people/values", Values)
    fields, etag, person, now = filled.for_template(visit.words), str(filled.typed.get("etag", "")), None, {}
    typed = filled.typed
    if person_id is not None:
        read = await visit.api.get_versioned(Service.INTAKE, f"/people/{person_id}", Person)
        person, manager = read.value, await _email_of(visit, read.value.manager_id)
        if not filled.typed:
            typed, etag = FormData(as_typed(person, manager)), read.etag
        if is_stale(error.message for error in filled.errors):  # whoever sends the form again has seen what was changed
            now, etag = now_of(person, manager, visit.words), read.etag
    return admin_page(
        visit,
        "person_edit.html",
        person=person,
        etag=etag,
        now=now,
        labels=LABELS,
        standing=STANDING,
        departments=[value.value for value in values.departments],
        locations=[value.value for value in values.locations],
        **{**fields, "typed": typed},
    )


async def _email_of(visit: Visit, person_id: UUID | None) -> str:
    if person_id is None:
        return ""
    try:
        return (await visit.api.get(Service.INTAKE, f"/people/{person_id}", Person)).email
    except NotFound:
        return ""
