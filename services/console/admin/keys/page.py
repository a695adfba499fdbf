"""The access keys of the organization, for its owners: made, revoked, and when they were used last."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from starlette.datastructures import FormData

from services.console.admin.forms import Filled, SentForm
from services.console.admin.keys import view
from services.console.admin.layout import admin_page
from services.console.admin.navigation import KEYS
from services.console.admin.routes import AdminRoute
from services.console.admin.visit import CurrentVisit, Visit
from services.console.forms.errors import FieldError, Refused
from shared.contracts.accounts import Role
from shared.contracts.base import Service
from shared.language.words import translatable

router = APIRouter(route_class=AdminRoute, include_in_schema=False, prefix=KEYS)
KeyId = Annotated[str, Path(pattern="^[0-9a-z]{12}$")]
State = Annotated[str, Query(pattern="^(valid|revoked)$")]
A_PAGE = 50
NO_LABEL = translatable("Say whom or what the key is for.")
NO_ROLE = translatable("Choose one of these.")


@router.get("")
async def show_keys(visit: CurrentVisit, state: State = "valid", cursor: str = "") -> Response:
    visit.need(Role.OWNER)
    wanted = {"state": state, "limit": A_PAGE} | ({"cursor": cursor} if cursor else {})
    keys = await visit.api.get(Service.ACCOUNTS, "/keys", view.Keys, wanted)
    lines = view.lines_of(keys, visit.who.key_id)
    return admin_page(visit, "keys.html", lines=lines, next=keys.next, state=state, first=not cursor, done=view.DONE)


@router.get("/new")
async def show_form(visit: CurrentVisit) -> Response:
    visit.need(Role.OWNER)
    return await _form(visit, Filled(FormData([("role", Role.VIEWER.value)])))


@router.post("/new")
async def take_form(sent: SentForm) -> Response:
    async def save() -> Response:
        new = view.NewKey(role=str(sent.typed.get("role", "")), label=str(sent.typed.get("label", "")).strip())
        missing = [] if new.label else [FieldError("label", NO_LABEL)]
        if new.role not in view.ROLES:
            missing.append(FieldError("role", NO_ROLE))
        if missing:
            raise Refused(missing)
        made = await sent.visit.api.post(Service.ACCOUNTS, "/keys", view.MadeKey, new, sent.once)
        return admin_page(sent.visit, "key_made.html", made=made)

    return await sent.answer(Role.OWNER, lambda filled: _form(sent.visit, filled), save)


@router.get("/{key_id}/revoke")
async def show_revoking(key_id: KeyId, visit: CurrentVisit) -> Response:
    visit.need(Role.OWNER)
    return await _revoking(visit, key_id, Filled())


@router.post("/{key_id}/revoke")
async def take_revoking(key_id: KeyId, sent: SentForm) -> Response:
    async def save() -> str:
        await sent.visit.api.delete(Service.ACCOUNTS, f"/keys/{key_id}")
        return f"{KEYS}?done=revoked"

    return await sent.answer(Role.OWNER, lambda filled: _revoking(sent.visit, key_id, filled), save)


async def _form(visit: Visit, filled: Filled) -> Response:
    return admin_page(visit, "key_form.html", roles=view.ROLES, **filled.for_template(visit.words))


async def _revoking(visit: Visit, key_id: str, filled: Filled) -> Response:
    key = await visit.api.get(Service.ACCOUNTS, f"/keys/{key_id}", view.Key)
    own = key.id == visit.who.key_id
    return admin_page(visit, "key_revoke.html", key=key, own=own, **filled.for_template(visit.words))
