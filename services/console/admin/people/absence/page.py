"""An absence of one person: on which days they are away, and who gets their messages too."""

from contextlib import suppress
from uuid import UUID

from fastapi import APIRouter, Response
from starlette.datastructures import FormData

from services.console.admin.forms import Filled, SentForm
from services.console.admin.layout import admin_page
from services.console.admin.people.absence.view import LABELS, Absence, AbsenceEdit, as_typed, refused
from services.console.admin.people.reading import find_person
from services.console.admin.people.resources import Person
from services.console.admin.people.view import LIST
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.forms.errors import FieldError, Refused
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.errors import Invalid, NotFound
from shared.language.words import translatable

router = APIRouter(route_class=AdminRoute, include_in_schema=False)
ABSENCE = f"{LIST}/{{person_id}}/absence"
NAME_SOMEBODY = translatable("Name somebody who works here, by name or e-mail address.")
ANY = "*"
"""An absence is replaced whatever it was before."""


@router.api_route(ABSENCE, methods=["GET", "HEAD"])
async def show_absence(person_id: UUID, visit: CurrentVisit) -> Response:
    visit.need(Role.COORDINATOR)
    return await _form(visit, person_id, Filled())


@router.post(ABSENCE)
async def take_absence(person_id: UUID, sent: SentForm) -> Response:
    api, path, typed = sent.visit.api, f"/people/{person_id}/absence", sent.typed

    async def save() -> str:
        if typed.get("do") == "end":
            with suppress(NotFound):  # somebody else has ended it
                await api.delete(Service.INTAKE, path)
            return f"{LIST}/{person_id}?done=absence_ended"
        deputy = await find_person(api, "deputy", str(typed.get("deputy", "")))
        if deputy is None:
            raise Refused([FieldError("deputy", NAME_SOMEBODY)])
        edit = AbsenceEdit(
            deputy_id=deputy, first_day=str(typed.get("first_day", "")), last_day=str(typed.get("last_day", ""))
        )
        try:
            await api.put(Service.INTAKE, path, Absence, edit, ANY)
        except Invalid as error:
            raise Refused(refused(error.extra.get("errors", ()))) from None
        return f"{LIST}/{person_id}?done=absence_saved"

    return await sent.answer(Role.COORDINATOR, lambda filled: _form(sent.visit, person_id, filled), save)


async def _form(visit: Visit, person_id: UUID, filled: Filled) -> Response:
    person = await visit.api.get(Service.INTAKE, f"/people/{person_id}", Person)
    absence = await _read_absence(visit, person_id)
    typed = filled.typed
    if not typed and absence is not None:
        deputy = await visit.api.get(Service.INTAKE, f"/people/{absence.deputy_id}", Person)
        typed = FormData(as_typed(absence, deputy.email))
    fields = dict(filled.for_template(visit.words)) | {"typed": typed}
    return admin_page(
        visit, "person_absence.html", filled.status, person=person, absence=absence, labels=LABELS, now={}, **fields
    )


async def _read_absence(visit: Visit, person_id: UUID) -> Absence | None:
    try:
        return await visit.api.get(Service.INTAKE, f"/people/{person_id}/absence", Absence)
    except NotFound:
        return None
