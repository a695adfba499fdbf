"""The access keys of the organization, for its owners: made, replaced, revoked, and when they were used last."""

from datetime import UTC, datetime
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
from shared.errors import Invalid
from shared.language.words import translatable

router = APIRouter(route_class=AdminRoute, include_in_schema=False, prefix=KEYS)
KeyId = Annotated[str, Path(pattern="^[0-9a-z]{12}$")]
State = Annotated[str, Query(pattern="^(valid|expired|revoked)$")]
A_PAGE = 50
NO_LABEL = translatable("Say whom or what the key is for.")
NO_CHOICE = translatable("Choose one of these.")
NO_NETWORKS = translatable(
    "Write networks such as 203.0.113.0/24, or single addresses, one a line, at most 20; or leave it empty."
)


@router.get("")
async def show_keys(visit: CurrentVisit, state: State = "valid", cursor: str = "") -> Response:
    visit.need(Role.OWNER)
    wanted = {"state": state, "limit": A_PAGE} | ({"cursor": cursor} if cursor else {})
    keys = await visit.api.get(Service.ACCOUNTS, "/keys", view.Keys, wanted)
    lines = view.lines_of(keys, visit.who.key_id, datetime.now(UTC))
    about = {"states": view.STATES, "state": state, "done": view.DONE}
    return admin_page(visit, "keys.html", 200, lines=lines, next=keys.next, first=not cursor, **about)


@router.get("/new")
async def show_form(visit: CurrentVisit) -> Response:
    visit.need(Role.OWNER)
    return await _form(visit, Filled(FormData([("role", Role.VIEWER.value), ("valid_days", "365")])))


@router.post("/new")
async def take_form(sent: SentForm) -> Response:
    async def save() -> Response:
        new = _typed_key(sent.typed)
        try:
            made = await sent.visit.api.post(Service.ACCOUNTS, "/keys", view.MadeKey, new, sent.once)
        except Invalid as error:
            if not any(str(one["field"]).startswith("body.networks") for one in error.extra.get("errors", ())):
                raise
            raise Refused([FieldError("networks", NO_NETWORKS)]) from None
        return admin_page(sent.visit, "key_made.html", made=made, ends=None, own=False)

    return await sent.answer(Role.OWNER, lambda filled: _form(sent.visit, filled), save)


@router.get("/{key_id}/rotate")
async def show_rotating(key_id: KeyId, visit: CurrentVisit) -> Response:
    visit.need(Role.OWNER)
    return await _rotating(visit, key_id, Filled(FormData([("overlap", "24")])))


@router.post("/{key_id}/rotate")
async def take_rotating(key_id: KeyId, sent: SentForm) -> Response:
    async def save() -> Response:
        overlap = str(sent.typed.get("overlap", ""))
        if overlap not in view.OVERLAPS:
            raise Refused([FieldError("overlap", NO_CHOICE)])
        wanted, address = view.Rotation(overlap_hours=int(overlap)), f"/keys/{key_id}/rotate"
        made = await sent.visit.api.post(Service.ACCOUNTS, address, view.RotatedKey, wanted, sent.once)
        own = key_id == sent.visit.who.key_id
        return admin_page(sent.visit, "key_made.html", made=made, ends=made.old_expires_at, own=own)

    return await sent.answer(Role.OWNER, lambda filled: _rotating(sent.visit, key_id, filled), save)


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
    return admin_page(
        visit, "key_form.html", roles=view.ROLES, lengths=view.LENGTHS, **filled.for_template(visit.words)
    )


def _typed_key(typed: FormData) -> view.NewKey:
    """Raises Refused."""
    role, label, days = (str(typed.get(name, "")).strip() for name in ("role", "label", "valid_days"))
    wrong = [] if label else [FieldError("label", NO_LABEL)]
    wrong += [] if role in view.ROLES else [FieldError("role", NO_CHOICE)]
    wrong += [] if days in view.LENGTHS else [FieldError("valid_days", NO_CHOICE)]
    if wrong:
        raise Refused(wrong)
    networks = view.networks_in(str(typed.get("networks", "")))
    return view.NewKey(role=role, label=label, valid_days=int(days), networks=networks)


async def _rotating(visit: Visit, key_id: str, filled: Filled) -> Response:
    key = await visit.api.get(Service.ACCOUNTS, f"/keys/{key_id}", view.Key)
    form = filled.for_template(visit.words)
    own, can = key.id == visit.who.key_id, view.is_replaceable(key)
    return admin_page(visit, "key_rotate.html", key=key, own=own, can=can, overlaps=view.OVERLAPS, **form)


async def _revoking(visit: Visit, key_id: str, filled: Filled) -> Response:
    key = await visit.api.get(Service.ACCOUNTS, f"/keys/{key_id}", view.Key)
    own = key.id == visit.who.key_id
    return admin_page(visit, "key_revoke.html", key=key, own=own, **filled.for_template(visit.words))
